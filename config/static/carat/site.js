/* What every page shares: copying, closing dialogs, quantity buttons, CSRF for htmx, and words when the
   network is away. Pages work without this file; everything hangs on data- attributes.

   [data-copy="text"] or [data-copy] beside a <code>      copies
   [data-opens="dialog-id"]                               opens a <dialog class="sheet"> (a plain link without JS)
   [data-closes]                                          closes the dialog it is in
   .quantity [data-step="-1" | "1"]                       steps the number input between them
   [data-toasts]                                          where toast(words) speaks */

export function toast(words) {
  const place = document.querySelector("[data-toasts]");
  if (!place) return;
  const line = document.createElement("p");
  line.className = "toast";
  line.textContent = words;
  place.append(line);
  setTimeout(() => line.remove(), 5000);
}

function csrf() {
  return document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

async function copy(button) {
  const text = button.dataset.copy || button.parentElement.querySelector("code")?.textContent || "";
  await navigator.clipboard.writeText(text.trim());
  toast("Copied");
}

function step(button) {
  const input = button.closest(".quantity").querySelector("input");
  if (Number(button.dataset.step) > 0) input.stepUp();
  else input.stepDown();
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-opens], [data-closes], .quantity [data-step]");
  if (!target) {
    if (event.target.matches?.("dialog.sheet")) event.target.close();
    return;
  }
  if ("copy" in target.dataset) copy(target);
  else if (target.dataset.opens) {
    const dialog = document.getElementById(target.dataset.opens);
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
  } else if ("closes" in target.dataset) target.closest("dialog, [popover]")?.close?.();
  else step(target);
});

for (const row of document.querySelectorAll(".tabs, .chips")) {
  const chosen = row.querySelector("[aria-current], :checked")?.closest("a, label");
  if (chosen) row.scrollLeft = chosen.offsetLeft - row.offsetLeft - (row.clientWidth - chosen.clientWidth) / 2;
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = csrf();
});

document.addEventListener("htmx:sendError", () => toast("You seem to be offline. Nothing was sent; try again."));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) toast("Something broke on our side. Nothing was taken twice; try again.");
});
