/* Hears the room's events for the parts around the gift while room.js does not hand them on: a stream of few words.
   Goes when room.js imports them. */

import * as chat from "./chat.js";
import * as goal from "./goal.js";
import * as ranks from "./ranks.js";

const room = document.querySelector("[data-room]");
const heard = new Map();
const stream = { on: (name, callback) => heard.set(name, [...(heard.get(name) ?? []), callback]) };

for (const part of [goal, ranks, chat]) part.start(room, stream);

const source = new EventSource(room.dataset.events);
source.onmessage = (message) => {
  for (const event of JSON.parse(message.data)) {
    for (const callback of heard.get(event.name) ?? []) callback(event);
  }
};
addEventListener("pagehide", () => source.close());
