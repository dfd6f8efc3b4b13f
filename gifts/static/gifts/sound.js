/* Sound for gifts: off until somebody turns it on, made by the browser, no files. Dearer gifts ring longer. */

const CHIME_MS_MIN = 90; // a shower of gifts is not a noise
const SCALE = [523.25, 587.33, 659.25, 783.99, 880];

export function start(room, stream) {
  const button = room.querySelector("[data-room-sound]");
  if (!button || !("AudioContext" in window)) return;
  let audio = null;
  let rang = 0;
  button.hidden = false;

  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    if (isOn) {
      audio ??= new AudioContext();
      audio.resume();
      chime(SCALE[2], 0.18);
    } else audio.suspend();
  });

  function chime(pitch, seconds, delay = 0) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    const from = audio.currentTime + delay;
    tone.type = "sine";
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.0001, from);
    loudness.gain.exponentialRampToValueAtTime(0.12, from + 0.015);
    loudness.gain.exponentialRampToValueAtTime(0.0001, from + seconds);
    tone.connect(loudness).connect(audio.destination);
    tone.start(from);
    tone.stop(from + seconds);
  }

  stream.on("gift.sent", (gift) => {
    if (button.getAttribute("aria-pressed") !== "true" || document.hidden) return;
    if (performance.now() - rang < CHIME_MS_MIN) return;
    rang = performance.now();
    const size = Math.min(4, Math.floor(Math.log10(Math.max(1, gift.coins))));
    for (let note = 0; note <= size; note += 1) chime(SCALE[note], 0.16 + 0.1 * size, note * 0.09);
  });
}
