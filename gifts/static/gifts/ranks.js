/* Who gave most here, of those who show their name. Each gift tells what its sender gave in all, so the list is exact
   whatever was missed; of equal sums, whoever was there first stays first.

   [data-ranks] > [data-handle]    the list    [data-rank-blank] a row to copy    [data-first] the first one's name */

import { number } from "./art.js";

const SHOWN_MAX = 10;

export function start(room, stream) {
  const list = room.querySelector("[data-ranks]");
  const blank = room.querySelector("[data-rank-blank]");
  if (!list || !blank) return;
  const first = room.querySelector("[data-first]");
  const rows = () => Array.from(list.children);
  const coinsOf = (row) => Number(row.dataset.coins);

  function rowOf(gift) {
    const known = rows().find((row) => row.dataset.handle === gift.sender_handle);
    if (known) return known;
    const row = blank.content.firstElementChild.cloneNode(true);
    row.dataset.handle = gift.sender_handle;
    row.dataset.coins = 0;
    return row;
  }

  stream.on("gift.sent", (gift) => {
    if (gift.room_coins === undefined) return;
    const row = rowOf(gift);
    if (coinsOf(row) >= gift.room_coins) return;
    row.dataset.coins = gift.room_coins;
    row.querySelector("[data-name]").textContent = gift.sender;
    row.querySelector("[data-amount]").textContent = number.format(gift.room_coins);
    row.remove();
    const behind = rows().find((other) => coinsOf(other) < gift.room_coins);
    list.insertBefore(row, behind ?? null);
    for (const beyond of rows().slice(SHOWN_MAX)) beyond.remove();
    room.querySelector("[data-ranks-none]").hidden = true;
    if (first) first.textContent = list.firstElementChild.querySelector("[data-name]").textContent;
  });
}
