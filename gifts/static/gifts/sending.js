/* Sending from the gift panel: one id per gift meant, what it will cost, and the question before a big one.

   Nothing here trusts the network: an id is kept until its answer arrives, so a lost answer, a retry or a double click
   sends once. Everything listens on the room, since the panel may come and go with the creator's switch.

   [data-gift-form] [data-operation]     the send and its id          [data-gift-chosen]   what it will cost
   [data-gift-confirm]                   the dialog the server sends  [data-gift-answer]   what came of it */

import { element, number } from "./art.js";

const PAUSE_MS = 500; // two clicks within it are one

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let place = 5; place >= 0; place -= 1) {
    bytes[place] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export function isAnswer(xhr) {
  return xhr.status >= 200 && xhr.status < 500;
}

export const formOf = (room) => room.querySelector("[data-gift-form]");

/* The gift that is chosen, and how many of it: null when something is missing. */
export function chosen(room) {
  const form = formOf(room);
  const gift = form?.querySelector("[name=gift]:checked");
  const quantity = Number(form?.elements.quantity?.value);
  if (!gift || !Number.isInteger(quantity) || quantity < 1) return null;
  return { gift: gift.value, name: gift.dataset.name, price: Number(gift.dataset.coins), quantity, isStreakable: "streakable" in gift.dataset, isHidden: Boolean(form.elements.hide_name?.checked) };
}

export const balanceOf = (room) => Number(room.querySelector("[data-gift-balance]")?.dataset.coins ?? 0);

export function sayChosen(room) {
  const words = room.querySelector("[data-gift-chosen]");
  if (!words) return;
  words.dataset.first ??= words.textContent;
  const wanted = chosen(room);
  if (!wanted) {
    words.textContent = words.dataset.first;
    return;
  }
  const coins = wanted.price * wanted.quantity;
  const money = moneyFor(room, coins);
  const left = balanceOf(room) - coins;
  const name = wanted.quantity > 1 ? `${wanted.name} × ${number.format(wanted.quantity)}` : wanted.name;
  words.replaceChildren(element("strong", "", name), `: ${number.format(coins)} ${coins === 1 ? "coin" : "coins"}${money ? ` (${money})` : ""}. `);
  words.append(left >= 0 ? `${number.format(left)} left after.` : `You need ${number.format(-left)} more.`);
  if (wanted.isStreakable && left >= 0) words.append(" Tap again or hold for more.");
}

function moneyFor(room, coins) {
  const { rateMinor, rateCoins, rateCurrency, rateDecimals } = room.querySelector("[data-gift-panel]").dataset;
  if (!rateMinor) return "";
  const minor = Math.floor((2 * Number(rateMinor) * coins + Number(rateCoins)) / (2 * Number(rateCoins)));
  const currency = { style: "currency", currency: rateCurrency };
  return new Intl.NumberFormat(document.documentElement.lang || "en", currency).format(minor / 10 ** Number(rateDecimals));
}

export function sayUnanswered(room, words = "No answer came back. Press Send again: whatever happened, it is sent once.") {
  const notice = element("p", "notice", words);
  notice.dataset.tone = "warn";
  room.querySelector("[data-gift-answer]")?.replaceChildren(notice);
  room.querySelector("[data-gift-confirm] .sheet-body")?.append(notice.cloneNode(true));
}

export function start(room) {
  const kept = `gift:${room.dataset.place}`;
  let sentLast = { what: "", at: 0 };

  function operationFor(what) {
    const waiting = JSON.parse(sessionStorage.getItem(kept) ?? "null");
    if (waiting?.what === what) return waiting.id;
    const id = newId();
    sessionStorage.setItem(kept, JSON.stringify({ what, id }));
    return id;
  }

  room.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("[data-gift-form]")) return;
    const { parameters } = event.detail;
    const what = `${parameters.get?.("gift") ?? parameters.gift} × ${event.target.elements.quantity.value}${event.target.elements.hide_name?.checked ? " hidden" : ""}`;
    const now = Date.now();
    if (sentLast.what === what && now - sentLast.at < PAUSE_MS) {
      event.preventDefault();
      return;
    }
    sentLast = { what, at: now };
    const id = operationFor(what);
    event.target.querySelector("[data-operation]").value = id;
    if (parameters.set) parameters.set("operation_id", id);
    else parameters.operation_id = id;
  });

  room.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.matches("[data-gift-form], [data-gift-confirm-form]") && isAnswer(event.detail.xhr)) sessionStorage.removeItem(kept);
  });

  room.addEventListener("change", (event) => {
    if (event.target.matches("[data-gift-form] [name=gift]")) hop(event.target.closest(".gift-cell").querySelector(".gift-art"));
  });
  room.addEventListener("input", (event) => {
    if (!event.target.closest("[data-gift-form]")) return;
    if (event.target.name !== "category") room.querySelector("[data-gift-answer]").replaceChildren();
    sayChosen(room);
  });

  document.addEventListener("htmx:oobAfterSwap", () => {
    const dialog = room.querySelector("[data-gift-confirm]:not([open])");
    if (dialog) confirm(dialog);
    sayChosen(room);
  });

  function confirm(dialog) {
    const panel = room.querySelector("[data-gift-panel]");
    const sheetWasOpen = panel.matches(":popover-open");
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (sheetWasOpen) panel.showPopover();
      else formOf(room)?.querySelector(".gift-send").focus();
    });
    dialog.addEventListener("htmx:afterRequest", (event) => {
      if (isAnswer(event.detail.xhr)) dialog.close();
    });
    dialog.showModal();
  }

  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    room.addEventListener(name, (event) => {
      if (!event.target.matches("[data-gift-form], [data-gift-confirm-form]")) return;
      event.stopPropagation();
      sayUnanswered(room);
    });
  }
}

export function hop(art) {
  art.classList.remove("gift-pop");
  art.getBoundingClientRect(); // lets the hop begin again
  art.classList.add("gift-pop");
}
