// On a shared device: who does nothing for a while is asked, and after half a
// minute everything is wiped for the next one. To stay keeps what was typed.
const dialog = document.querySelector("dialog[data-idle]");

if (dialog) {
  const limit = dialog.dataset.idle * 1000;
  const warning = Math.min(30000, limit / 2);
  const left = dialog.querySelector("[data-left]");
  let last = Date.now();
  const stay = () => (last = Date.now());
  for (const event of ["pointerdown", "keydown", "input", "scroll"])
    addEventListener(event, () => dialog.open || stay(), { capture: true, passive: true });
  dialog.addEventListener("close", stay);
  const watch = () => {
    const clock = setInterval(() => {
      const rest = last + limit - Date.now();
      if (rest <= 0) {
        clearInterval(clock); // to send again soon would cancel what is under way
        setTimeout(watch, 30000); // somebody may stop it, by Escape
        dialog.querySelector("[data-leave]").submit();
      } else if (rest <= warning) {
        left.textContent = Math.ceil(rest / 1000);
        if (!dialog.open) dialog.showModal();
      }
    }, 500);
  };
  watch();
  addEventListener("pageshow", (e) => e.persisted && location.reload());
}
