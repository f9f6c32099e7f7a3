/* The forecast's drawing is the server's. Here arrow keys walk along its days and read
   them out, and a button saves it as a picture. */
(() => {
  const DRAWN = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "vector-effect"];
  const SCALE = 2;

  const walk = (drawing, step) => {
    const strips = [...drawing.querySelectorAll(".forecast-strip")];
    const before = strips.findIndex((one) => one.classList.contains("is-here"));
    const at = Math.min(strips.length - 1, Math.max(0, before < 0 ? strips.length - 1 : before + step));
    strips.forEach((one, place) => one.classList.toggle("is-here", place === at));
    const region = document.getElementById("announcements");
    if (region) region.textContent = strips[at]?.querySelector("title").textContent ?? "";
  };

  /* A file knows no style sheet: what the page's says is written into each shape. */
  const written = (drawing, box) => {
    const copy = drawing.cloneNode(true);
    const shapes = drawing.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((one, place) => {
      const style = getComputedStyle(shapes[place]);
      DRAWN.forEach((name) => one.setAttribute(name, style.getPropertyValue(name)));
    });
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width * SCALE);
    copy.setAttribute("height", box.height * SCALE);
    return `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  };

  const save = async (drawing) => {
    const box = drawing.getBoundingClientRect();
    const picture = new Image();
    picture.src = written(drawing, box);
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [box.width * SCALE, box.height * SCALE];
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--tf-surface");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const link = document.createElement("a");
    link.download = "tokenfab-forecast.png";
    link.href = canvas.toDataURL("image/png");
    link.click();
  };

  document.addEventListener("keydown", (event) => {
    const drawing = event.target.closest?.(".forecast");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!drawing || !step) return;
    walk(drawing, step);
    event.preventDefault();
  });
  document.addEventListener("focusout", (event) => {
    event.target.closest?.(".forecast")?.querySelector(".is-here")?.classList.remove("is-here");
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-save-forecast]");
    if (button) save(document.querySelector(".forecast"));
  });
  document.addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll("[data-save-forecast]").forEach((one) => (one.hidden = false)),
  );
})();
