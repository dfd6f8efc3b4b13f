/* A gift's picture, and words as text: nothing that somebody wrote ever reaches the page as markup. */

const SVG = "http://www.w3.org/2000/svg";

const DIGEST = /^[0-9a-f]{64}$/;

/* Staff's artwork where the gift has some, our own drawing of the slug otherwise. */
export function picture(room, slug, art = "", { moves = false } = {}) {
  if (DIGEST.test(art ?? "")) {
    const image = new Image(96, 96);
    image.className = "gift-art";
    image.alt = "";
    image.decoding = "async";
    image.src = `/gifts/art/${art}/${moves ? "moving" : "still"}.webp`;
    return image;
  }
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "gift-art");
  drawing.setAttribute("viewBox", "0 0 96 96");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${room.querySelector("[data-gift-stage]").dataset.art}#gift-${slug}`);
  drawing.append(use);
  return drawing;
}

export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children); // strings become text
  return made;
}

export const number = new Intl.NumberFormat(document.documentElement.lang || "en");
export const times = (count) => `×${number.format(count)}`;

/* Run something in the next frame, however often it is asked for until then. */
export function eachFrame(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}
