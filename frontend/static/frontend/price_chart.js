/* What a quantity costs, as a line from a JSON script element. The table beside it has
   the exact amounts; here nanos become units for the eye alone. */
(() => {
  const style = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const exact = new Intl.NumberFormat("en");
  const money = (currency) =>
    new Intl.NumberFormat("en", { style: "currency", currency, maximumSignificantDigits: 6 });
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

  const start = (element) => {
    let plot = draw(element);
    new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: element.clientHeight }),
    ).observe(element);
    document.addEventListener("tokenfab:theme", () => {
      plot.destroy();
      plot = draw(element);
    });
  };

  document.addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("[data-price-chart]").forEach(start),
  );
})();
