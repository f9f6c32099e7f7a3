/* What a quantity costs, as a line from a JSON script element. The table beside it has
   the exact amounts; here nanos become units for the eye alone. */
(() => {
  const style = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
  const exact = new Intl.NumberFormat(document.documentElement.lang);
  const money = (currency) =>
    new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency, maximumSignificantDigits: 6 });
  const NANOS_PER_UNIT = 1e9;

  const note = (unit, amount) => {
    const box = document.createElement("div");
    box.className = "chart-note";
    box.hidden = true;
    const show = (plot) => {
      const at = plot.cursor.idx;
      box.hidden = at == null || plot.cursor.left < 0;
      if (box.hidden) return;
      const title = document.createElement("strong");
      title.textContent = amount.format(plot.data[1][at]);
      const line = document.createElement("div");
      line.textContent = `${exact.format(plot.data[0][at])} ${unit}`;
      box.replaceChildren(title, line);
      const room = plot.over.clientWidth - box.offsetWidth;
      const left = plot.cursor.left + 16;
      box.style.left = `${Math.max(0, left > room ? plot.cursor.left - box.offsetWidth - 16 : left)}px`;
      box.style.top = "8px";
    };
    return { hooks: { init: (plot) => plot.over.append(box), setCursor: show } };
  };

  const draw = (element) => {
    const data = JSON.parse(document.getElementById(element.dataset.priceChart).textContent);
    const amount = money(data.currency);
    const axis = { stroke: style("--tf-muted"), ticks: { show: false } };
    const grid = { stroke: style("--tf-line"), width: 1 };
    const options = {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: { range: (_, __, top) => [0, top * 1.06 || 1] } },
      axes: [
        { ...axis, size: 32, grid, values: (_, splits) => splits.map((n) => short.format(n)) },
        { ...axis, size: 72, grid, values: (_, splits) => splits.map((n) => amount.format(n)) },
      ],
      series: [{}, { stroke: style("--tf-series-0"), width: 2, points: { show: false } }],
      plugins: [note(element.dataset.unit, amount)],
    };
    element.replaceChildren();
    const units = data.nanos.map((nanos) => nanos / NANOS_PER_UNIT);
    return new uPlot(options, [data.at, units], element);
  };

  const save = (name, url) => {
    const link = document.createElement("a");
    [link.download, link.href] = [name, url];
    link.click();
  };

  /* On the page's own ground: a canvas has none. */
  const savePicture = (plot, name) => {
    const source = plot.ctx.canvas;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [source.width, source.height];
    const picture = canvas.getContext("2d");
    picture.fillStyle = style("--tf-surface");
    picture.fillRect(0, 0, canvas.width, canvas.height);
    picture.drawImage(source, 0, 0);
    save(`${name}.png`, canvas.toDataURL("image/png"));
  };

  const saveTable = ({ at, nanos, currency }, name) => {
    const lines = ["quantity,amount_nanos,currency"];
    at.forEach((quantity, index) => lines.push(`${quantity},${nanos[index]},${currency}`));
    save(`${name}.csv`, `data:text/csv;charset=utf-8,${encodeURIComponent(lines.join("\r\n"))}`);
  };

  /* Arrow keys go along the line and read it out. */
  const move = (event, plot, element) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const last = plot.data[0].length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step));
    plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 0 });
    const amount = money(JSON.parse(document.getElementById(element.dataset.priceChart).textContent).currency);
    const region = document.getElementById("announcements");
    if (region)
      region.textContent = `${exact.format(plot.data[0][at])} ${element.dataset.unit}: ${amount.format(plot.data[1][at])}`;
    event.preventDefault();
  };

  const start = (element) => {
    let plot = draw(element);
    new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: element.clientHeight }),
    ).observe(element);
    element.addEventListener("keydown", (event) => move(event, plot, element));
    element.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));
    const acts = element.parentElement.querySelector("[data-chart-acts]");
    if (acts) {
      acts.hidden = false;
      const name = `tokenfab-${element.dataset.priceChart}`;
      const data = () => JSON.parse(document.getElementById(element.dataset.priceChart).textContent);
      acts.querySelector("[data-act=png]").addEventListener("click", () => savePicture(plot, name));
      acts.querySelector("[data-act=csv]").addEventListener("click", () => saveTable(data(), name));
    }
    document.addEventListener("tokenfab:theme", () => {
      plot.destroy();
      plot = draw(element);
    });
  };

  document.addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("[data-price-chart]").forEach(start),
  );
})();
