/* The room's script: hears the stream and hands it to each part of the page. The page works without it.

   A part is a module with start(room, stream); stream.on(name, callback) gives it each event of that name once. */

import * as breaks from "./breaks.js";
import * as captions from "./captions.js";
import * as chat from "./chat.js";
import * as combo from "./combo.js";
import * as goal from "./goal.js";
import * as joined from "./joined.js";
import * as lines from "./lines.js";
import * as page from "./page.js";
import * as ranks from "./ranks.js";
import * as sending from "./sending.js";
import * as sound from "./sound.js";
import * as stage from "./stage.js";
import { listen } from "./stream.js";

const room = document.querySelector("[data-room]");
const stream = listen(room);

for (const part of [lines, stage, captions, sound, page, sending, combo, goal, ranks, chat, joined, breaks]) part.start(room, stream);

stream.open();
