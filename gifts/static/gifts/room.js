/* The room's script: one id per gift meant, the stage, the words under the grid, the confirm dialog.
   The page works without it. Nothing here trusts the network: an id is kept until its answer arrives,
   so a lost answer, a retry or a double click sends once. Names reach the page as text only.

   [data-gift-form] [data-operation]     the send and its id          [data-gift-chosen]   what it will cost
   [data-gift-confirm]                   the dialog the server sends  [data-gift-answer]   what came of it
   [data-room-chat] > [data-sending]     gifts sent, the newest last  [data-gift-stage]    where they fly */

const PAUSE_MS = 500; // two clicks within it are one
const BUBBLES_MAX = 24;
const WAITING_MAX = 12;
const LINES_MAX = 200;

const room = document.querySelector("[data-room]");
const chat = room.querySelector("[data-room-chat]");
const stage = room.querySelector("[data-gift-stage]");
const panel = room.querySelector("[data-gift-panel]");
const form = room.querySelector("[data-gift-form]");
const offline = room.querySelector("[data-room-offline]");
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/* One id per gift meant */

const kept = `gift:${room.dataset.place}`;
let sentLast = { what: "", at: 0 };

function newOperationId() {
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

function operationFor(what) {
  const waiting = JSON.parse(sessionStorage.getItem(kept) ?? "null");
  if (waiting?.what === what) return waiting.id;
  const id = newOperationId();
  sessionStorage.setItem(kept, JSON.stringify({ what, id }));
  return id;
}

function isAnswer(xhr) {
  return xhr.status >= 200 && xhr.status < 500;
}

form?.addEventListener("htmx:configRequest", (event) => {
  if (event.target !== form) return;
  const what = `${event.detail.parameters.get?.("gift") ?? event.detail.parameters.gift} × ${form.elements.quantity.value}`;
  const now = Date.now();
  if (sentLast.what === what && now - sentLast.at < PAUSE_MS) {
    event.preventDefault();
    return;
  }
  sentLast = { what, at: now };
  const id = operationFor(what);
  form.querySelector("[data-operation]").value = id;
  if (event.detail.parameters.set) event.detail.parameters.set("operation_id", id);
  else event.detail.parameters.operation_id = id;
});

form?.addEventListener("htmx:afterRequest", (event) => {
  if (event.target === form && isAnswer(event.detail.xhr)) sessionStorage.removeItem(kept);
});

/* What it will cost */

const words = room.querySelector("[data-gift-chosen]");
const wordsAtFirst = words?.textContent;
const number = new Intl.NumberFormat(document.documentElement.lang || "en");

function moneyFor(coins) {
  const { rateMinor, rateCoins, rateCurrency, rateDecimals } = panel.dataset;
  if (!rateMinor) return "";
  const minor = Math.floor((2 * Number(rateMinor) * coins + Number(rateCoins)) / (2 * Number(rateCoins)));
  const currency = { style: "currency", currency: rateCurrency };
  return new Intl.NumberFormat(document.documentElement.lang || "en", currency).format(minor / 10 ** Number(rateDecimals));
}

function strong(text) {
  const part = document.createElement("strong");
  part.textContent = text;
  return part;
}

function sayChosen() {
  if (!words) return;
  const chosen = form.querySelector("[name=gift]:checked");
  const quantity = Number(form.elements.quantity.value);
  if (!chosen || !Number.isInteger(quantity) || quantity < 1) {
    words.textContent = wordsAtFirst;
    return;
  }
  const coins = Number(chosen.dataset.coins) * quantity;
  const money = moneyFor(coins);
  const left = Number(room.querySelector("[data-gift-balance]").dataset.coins) - coins;
  const name = quantity > 1 ? `${chosen.dataset.name} × ${number.format(quantity)}` : chosen.dataset.name;
  words.replaceChildren(strong(name), `: ${number.format(coins)} ${coins === 1 ? "coin" : "coins"}${money ? ` (${money})` : ""}. `);
  words.append(left >= 0 ? `${number.format(left)} left after.` : `You need ${number.format(-left)} more.`);
}

form?.addEventListener("change", (event) => {
  if (event.target.name === "gift") hop(event.target.closest(".gift-cell").querySelector(".gift-art"));
});
form?.addEventListener("input", (event) => {
  if (event.target.name !== "category") room.querySelector("[data-gift-answer]").replaceChildren();
  sayChosen();
});

function hop(art) {
  art.classList.remove("gift-pop");
  art.getBoundingClientRect(); // lets the hop begin again
  art.classList.add("gift-pop");
}

/* The stage */

const waiting = [];
let lane = 0;

function show(gift) {
  const box = document.createElement("div");
  box.className = "gift-show";
  box.dataset.gift = gift.slug;
  box.dataset.tier = gift.tier;
  box.dataset.lane = lane = (lane + 1) % 6;
  const art = document.createElement("div");
  art.className = "gift-show-art";
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("class", "gift-art");
  picture.setAttribute("viewBox", "0 0 96 96");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${stage.dataset.art}#gift-${gift.slug}`);
  picture.append(use);
  art.append(picture);
  const line = document.createElement("p");
  line.className = "gift-show-words";
  line.append(strong(gift.sender), ` sent ${gift.gift}`);
  if (Number(gift.count) > 1) {
    const count = document.createElement("span");
    count.className = "gift-show-count";
    count.textContent = `×${gift.count}`;
    line.append(" ", count);
  }
  box.append(art, line);
  stage.append(box);
  return box;
}

function next() {
  if (stage.querySelector('.gift-show:not([data-tier="small"])') || waiting.length === 0) return;
  show(waiting.shift());
}

function play(gift) {
  if (document.hidden) return;
  if (gift.tier === "small") {
    if (!stillness.matches && stage.querySelectorAll('[data-tier="small"]').length < BUBBLES_MAX) show(gift);
  } else if (waiting.length < WAITING_MAX) {
    waiting.push(gift);
    next();
  }
}

stage.addEventListener("animationend", (event) => {
  if (event.animationName !== "show-life") return;
  event.target.remove();
  next();
});

/* The lines: one per gift, however often it arrives */

const known = new Set();
for (const line of chat.querySelectorAll("[data-sending]")) known.add(line.dataset.sending);

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target !== chat) return;
  for (const line of event.detail.fragment.querySelectorAll("[data-sending]")) {
    if (known.has(line.dataset.sending)) line.remove();
    else {
      known.add(line.dataset.sending);
      play({ ...line.dataset });
    }
  }
});

document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target === chat) {
    const lines = chat.querySelectorAll("[data-sending]");
    for (const old of Array.from(lines).slice(0, Math.max(0, lines.length - LINES_MAX))) old.remove();
  }
  const dialog = room.querySelector("[data-gift-confirm]:not([open])");
  if (dialog) confirm(dialog);
  sayChosen();
});

/* The confirm dialog */

function confirm(dialog) {
  const sheetWasOpen = panel.matches(":popover-open");
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (sheetWasOpen) panel.showPopover();
    else form.querySelector(".gift-send").focus();
  });
  dialog.addEventListener("htmx:afterRequest", (event) => {
    if (isAnswer(event.detail.xhr)) dialog.close();
  });
  dialog.showModal();
}

/* When the network is away: the feed says so in its own place, and a send without an answer keeps its id. */

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  room.addEventListener(name, (event) => {
    event.stopPropagation();
    if (event.target.matches("[data-room-feed]")) offline.hidden = false;
    else sayUnanswered();
  });
}

function sayUnanswered() {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.dataset.tone = "warn";
  notice.textContent = "No answer came back. Press Send again: whatever happened, it is sent once.";
  room.querySelector("[data-gift-answer]").replaceChildren(notice);
  room.querySelector("[data-gift-confirm] .sheet-body")?.append(notice.cloneNode(true));
}

room.addEventListener("htmx:afterOnLoad", (event) => {
  if (offline && event.target.matches("[data-room-feed]")) offline.hidden = true;
});
