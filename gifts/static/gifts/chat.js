/* Talking in the room: what others say arrives by the stream, what one says oneself goes by a form whose id is kept
   until its answer is there, so a lost answer or a second press says it once. Words reach the page as text only.

   [data-talk-form] [data-message-id]   the form and its id        [data-talk-words]  what came of it
   [data-room-chat] > [data-message]    what was said              [data-talk-line]   a line to copy
   [data-highlights] > [data-until]     what was paid to stay up   [data-talk-dialog] what may be done about one */

import { number } from "./art.js";
import { wear } from "./badges.js";
import { newId } from "./sending.js";

const LINES_MAX = 120;

export function start(room, stream) {
  const list = room.querySelector("[data-room-chat]");
  const talk = room.querySelector("[data-talk]");
  const blank = room.querySelector("[data-talk-line]");
  if (!list || !talk || !blank) return;
  const known = new Set(Array.from(list.querySelectorAll("[data-message]"), (line) => line.dataset.message));

  function write(id, from, words, coins, event) {
    if (known.has(id)) return;
    known.add(id);
    const line = blank.content.firstElementChild.cloneNode(true);
    line.dataset.message = id;
    line.querySelector("[data-from]").textContent = from;
    line.querySelector("[data-words]").textContent = words;
    wear(line.querySelector("[data-worn]"), event);
    const more = line.querySelector("[data-chat-more]");
    if (more) more.href = `${talk.dataset.messages}${id}/`;
    if (coins) {
      line.dataset.paid = "";
      line.querySelector("[data-paid-coins]").hidden = false;
      line.querySelector("[data-amount]").textContent = number.format(coins);
    }
    list.append(line);
    const lines = list.querySelectorAll("[data-message]");
    for (const old of Array.from(lines).slice(0, Math.max(0, lines.length - LINES_MAX))) old.remove();
  }

  stream.on("chat.said", (event) => write(event.message_id, event.from, event.words, 0, event));
  stream.on("gift.sent", (gift) => {
    if (!gift.words) return;
    write(gift.sending_id, gift.sender, gift.words, gift.coins, gift);
    putUp(room, gift);
  });
  stream.on("chat.removed", (event) => {
    known.add(event.message_id);
    for (const line of room.querySelectorAll(`[data-message="${CSS.escape(event.message_id)}"]`)) line.remove();
  });
  stream.on("chat.slowed", (event) => {
    say(event.slow_s ? `Slow mode: one message every ${event.slow_s} seconds.` : "Slow mode is off.");
  });

  function say(words) {
    talk.querySelector("[data-talk-words]").textContent = words;
  }

  for (const up of room.querySelectorAll("[data-highlights] > [data-until]")) keepUp(up);
  const form = talk.querySelector("[data-talk-form]");
  if (form) listenTo(form, say);
  openAbout(room);
}

/* Highlighted messages */

function putUp(room, gift) {
  const list = room.querySelector("[data-highlights]");
  const until = Date.parse(gift.at) + gift.highlight_s * 1000;
  if (!list || until <= Date.now() || list.querySelector(`[data-message="${CSS.escape(gift.sending_id)}"]`)) return;
  const up = room.querySelector("[data-highlight-blank]").content.firstElementChild.cloneNode(true);
  up.dataset.message = gift.sending_id;
  up.dataset.coins = gift.coins;
  up.dataset.until = new Date(until).toISOString();
  up.querySelector("[data-from]").textContent = gift.sender;
  up.querySelector("[data-words]").textContent = gift.words;
  up.querySelector("[data-amount]").textContent = number.format(gift.coins);
  const cheaper = Array.from(list.children).find((other) => Number(other.dataset.coins) <= gift.coins);
  list.insertBefore(up, cheaper ?? null);
  keepUp(up);
}

function keepUp(up) {
  const left = Math.max(0, Date.parse(up.dataset.until) - Date.now());
  up.querySelector("[data-left]").animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: left, fill: "forwards" });
  setTimeout(() => up.remove(), left);
}

/* One's own words */

function listenTo(form, say) {
  const id = form.querySelector("[data-message-id]");
  const words = form.elements.words;
  const gift = form.elements.gift;
  let meant = "";

  gift?.addEventListener("change", () => {
    const coins = gift.selectedOptions[0].dataset.coins;
    form.querySelector("[data-paid-price]").textContent = coins ? number.format(coins) : "";
    if (!coins) form.elements.hide_name.checked = false; // only what is paid for can hide a name
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.sending !== undefined || !words.value.trim()) return;
    const hide = form.elements.hide_name;
    const now = `${gift?.value ?? ""} ${hide?.checked ? "hidden" : ""} ${words.value}`;
    if (meant && meant !== now) id.value = newId(); // other words than those that got no answer
    meant = now;
    form.dataset.sending = "";
    try {
      const headers = { Accept: "application/json" };
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
      if (answer.status >= 500) throw new Error("no answer");
      const told = await answer.json();
      if (told.asks) return form.submit(); // the question is a page of its own
      say(told.words);
      meant = "";
      id.value = newId();
      if (answer.ok) {
        words.value = "";
        if (gift) gift.value = "";
        gift?.dispatchEvent(new Event("change"));
      }
    } catch {
      say("No answer came back. Press Send again: it is said once.");
    }
    delete form.dataset.sending;
    words.focus();
  });
}

/* What may be done about a message */

function openAbout(room) {
  const dialog = room.querySelector("[data-talk-dialog]");
  room.addEventListener("click", async (event) => {
    const more = event.target.closest("[data-chat-more]");
    if (!more || !dialog || !globalThis.htmx || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await htmx.ajax("GET", more.href, { target: dialog, swap: "innerHTML" });
    if (dialog.childElementCount) dialog.showModal();
  });
}
