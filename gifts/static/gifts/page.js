/* What else of the page follows the room: how many watch, gifts switched off or on, the end. */

import { number } from "./art.js";

export function start(room, stream) {
  const viewers = room.querySelector("[data-room-viewers]");

  stream.on("viewers", (count) => {
    if (!viewers) return;
    viewers.hidden = count < 1; // not counted yet
    viewers.querySelector("[data-count]").textContent = number.format(count);
    viewers.querySelector("[data-unit]").textContent = count === 1 ? " viewer" : " viewers";
  });

  stream.on("room.ended", stream.reload);

  /* The page as it is now, and of it the parts that gifts on or off change. */
  stream.on("room.gifts_switched", () => {
    setTimeout(async () => {
      const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
      if (!answer?.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      swap(room.querySelector("[data-room-gifts]"), fresh.querySelector("[data-room-gifts]"));
      const panel = room.querySelector("[data-gift-panel]");
      const now = fresh.querySelector("[data-gift-panel]");
      if (panel && !now) panel.remove();
      else if (now && !panel) {
        room.querySelector(".room-side").after(now);
        globalThis.htmx?.process(now);
      }
    }, stream.spread());
  });
}

function swap(shown, fresh) {
  if (!shown || !fresh) return;
  shown.replaceWith(fresh);
  globalThis.htmx?.process(fresh);
}
