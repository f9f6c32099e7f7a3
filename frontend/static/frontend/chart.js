/* Stacked bars from a JSON script element. The table beside them has the same numbers,
   so nothing here is the only way to learn anything. */
(() => {
  const style = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
  const exact = new Intl.NumberFormat(document.documentElement.lang);
  const currency = document.querySelector("[data-currency]")?.dataset.currency ?? "USD";
  const money = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency, maximumSignificantDigits: 6 });
  const NANOS_PER_UNIT = 1e9;
  /* For the eye alone: the table has the exact amounts. */
  const write = (value, unit) => (unit === "nanos" ? money.format(value / NANOS_PER_UNIT) : exact.format(value));
  const writeShort = (value, unit) => (unit === "nanos" ? money.format(value / NANOS_PER_UNIT) : short.format(value));

  /* uPlot draws series over each other: hand it running sums, the tallest first. */
  const stack = (series, count) => {
    const sums = new Array(count).fill(0);
    return series.map((one) => one.values.map((value, at) => (sums[at] += value))).reverse();
  };

  const row = (title, text, color) => {
    const line = document.createElement("div");
    const name = document.createElement("span");
    const number = document.createElement("span");
    if (color) {
      const swatch = document.createElement("i");
      swatch.className = "swatch";
      swatch.style.background = color;
      name.append(swatch);
    }
    name.append(title);
    number.textContent = text;
    line.append(name, number);
    return line;
  };

  const note = (data, colors) => {
    const box = document.createElement("div");
    box.className = "chart-note";
    box.hidden = true;
    const show = (plot) => {
      const at = plot.cursor.idx;
      box.hidden = at == null || plot.cursor.left < 0;
      if (box.hidden) return;
      const title = document.createElement("strong");
      title.textContent = `${data.labels[at]} UTC`;
      const rows = data.series.map((one, i) => row(one.title, write(one.values[at], data.unit), colors[i]));
      const all = data.series.reduce((sum, one) => sum + one.values[at], 0);
      const sums = [row(gettext("Sum"), write(all, data.unit))];
      if (data.before) sums.push(row(data.before_title ?? gettext("Before"), write(data.before[at], data.unit)));
      box.replaceChildren(title, ...rows.reverse(), ...sums);
      const room = plot.over.clientWidth - box.offsetWidth;
      const left = plot.cursor.left + 16;
      box.style.left = `${Math.max(0, left > room ? plot.cursor.left - box.offsetWidth - 16 : left)}px`;
      box.style.top = "8px";
    };
    return {
      hooks: { init: (plot) => plot.over.append(box), setCursor: show },
    };
  };

  const draw = (element) => {
    const data = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    const colors = data.series.map((_, at) => style(`--tf-series-${at}`));
    const ink = style("--tf-muted");
    const grid = { stroke: style("--tf-line"), width: 1 };
    const positions = data.at.map((_, at) => at);
    const bars = uPlot.paths.bars({ size: [0.7, 48], radius: [0.15, 0] });
    const options = {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: [-0.6, data.at.length - 0.4] },
        y: { range: (_, __, top) => [0, Math.max(1, top * 1.06)] },
      },
      axes: [
        {
          stroke: ink,
          size: 32,
          grid: { show: false },
          ticks: { show: false },
          splits: (plot) => {
            const step = Math.ceil(data.at.length / Math.max(2, Math.floor(plot.width / 90)));
            return positions.filter((at) => at % step === 0);
          },
          values: (_, splits) => splits.map((at) => data.labels[at]),
        },
        {
          stroke: ink,
          grid,
          ticks: { show: false },
          size: data.unit === "nanos" ? 80 : 56,
          values: (_, splits) => splits.map((value) => (value % 1 ? "" : writeShort(value, data.unit))),
        },
      ],
      series: [
        {},
        ...[...data.series].reverse().map((one, at) => ({
          label: one.title,
          fill: colors[data.series.length - 1 - at],
          stroke: colors[data.series.length - 1 - at],
          width: 0,
          paths: bars,
          points: { show: false },
        })),
        ...(data.before ? [{ label: data.before_title ?? gettext("Before"), stroke: ink, width: 2, dash: [4, 4], points: { show: false } }] : []),
      ],
      plugins: [note(data, colors)],
    };
    element.replaceChildren();
    const before = data.before ? [data.before] : [];
    return new uPlot(options, [positions, ...stack(data.series, data.at.length), ...before], element);
  };

  /* The picture with its heading and legend, on the page's own ground. */
  const savePicture = (plot, data) => {
    const source = plot.ctx.canvas;
    const scale = source.width / source.clientWidth || 1;
    const [head, pad] = [56 * scale, 12 * scale];
    const canvas = document.createElement("canvas");
    canvas.width = source.width + 2 * pad;
    canvas.height = source.height + head + pad;
    const draw = canvas.getContext("2d");
    draw.fillStyle = style("--tf-surface");
    draw.fillRect(0, 0, canvas.width, canvas.height);
    draw.fillStyle = style("--tblr-body-color") || style("--tf-muted");
    draw.font = `600 ${14 * scale}px sans-serif`;
    draw.fillText(plot.root.closest("section").querySelector("h2").textContent, pad, 20 * scale);
    draw.font = `${12 * scale}px sans-serif`;
    let left = pad;
    data.series.forEach((one, at) => {
      draw.fillStyle = style(`--tf-series-${at}`);
      draw.fillRect(left, 34 * scale, 10 * scale, 10 * scale);
      draw.fillStyle = style("--tf-muted");
      draw.fillText(one.title, left + 14 * scale, 43 * scale);
      left += draw.measureText(one.title).width + 32 * scale;
    });
    draw.drawImage(source, pad, head);
    const link = document.createElement("a");
    link.download = `tokenfab-${data.unit === "nanos" ? "cost" : data.unit}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  };

  const readOut = (data, at) => {
    const region = document.getElementById("announcements");
    const parts = data.series.map((one) => `${one.title} ${write(one.values[at], data.unit)}`);
    if (region) region.textContent = `${data.labels[at]} UTC: ${parts.join(", ")}`;
  };

  const start = (element) => {
    const told = () => document.getElementById(element.dataset.chart).textContent;
    let drawn = told();
    let data = JSON.parse(drawn);
    let plot = draw(element);
    /* The data came anew (live.js). Whoever is reading a bar goes on reading that one. */
    document.addEventListener("tokenfab:live", () => {
      if (told() === drawn || plot.cursor.idx != null) return;
      drawn = told();
      data = JSON.parse(drawn);
      plot.destroy();
      plot = draw(element);
    });
    const picture = document.querySelector(`[data-png="${element.id}"]`);
    if (picture) {
      picture.hidden = false;
      picture.addEventListener("click", () => savePicture(plot, data));
    }
    new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: element.clientHeight });
      plot.setCursor({ left: -10, top: -10 }); // What it points at has moved.
    }).observe(element);
    document.addEventListener("tokenfab:theme", () => {
      plot.destroy();
      plot = draw(element);
    });
    element.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const last = plot.data[0].length - 1;
      const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? last + 1) + step));
      plot.setCursor({ left: plot.valToPos(at, "x"), top: 0 });
      readOut(data, at);
      event.preventDefault();
    });
    element.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));
  };

  document.addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("[data-chart]").forEach(start),
  );
})();
