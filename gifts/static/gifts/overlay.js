/* The overlay's script: the room's own stage, goal and ranks, without the page around them. When the live ends, or
   there is none yet, it asks now and then for the next one and follows there. An address that died goes dark.

   [data-room] with [data-place] [data-events]   the live, if there is one    [data-sound]   sound was asked for */

import * as goal from "./goal.js";
import * as ranks from "./ranks.js";
import * as sound from "./sound.js";
import * as stage from "./stage.js";
import { listen } from "./stream.js";

const NEXT_MS = 5000;

const room = document.querySelector("[data-room]");
const stream = listen(room);
let isLooking = false;

function look() {
  if (isLooking) return;
  isLooking = true;
  setTimeout(ask, NEXT_MS);
}

async function ask() {
  const answer = await fetch(new URL("now/", location.href), { cache: "no-store" }).catch(() => null);
  if (answer?.status === 404) return location.reload();
  const live = answer?.ok ? (await answer.json()).room : null;
  if (live && live !== room.dataset.place) return location.reload();
  setTimeout(ask, NEXT_MS * (1 + Math.random()));
}

for (const part of [stage, sound, goal, ranks]) part.start(room, stream);
stream.on("room.ended", look);
if ("sound" in room.dataset) room.querySelector("[data-room-sound]").click();
if (room.dataset.events) stream.open();
else look();
