// Solves the ALTCHA challenge of a form in a worker while people read. Without
// this script the form's ticket counts after a few seconds.
const field = document.querySelector("[data-proof]");
const form = field?.form;
const say = form?.querySelector("[data-proof-state]");

const solve = async () => {
  const answer = await fetch("/api/v1/challenge?fuer=" + encodeURIComponent(field.dataset.proof));
  if (!answer.ok) return;
  const challenge = await answer.json();
  const worker = new Worker("/gate/worker.js");
  const took = await new Promise((resolve, reject) => {
    worker.onmessage = (e) => resolve(e.data);
    worker.onerror = reject;
    worker.postMessage(challenge);
  });
  worker.terminate();
  if (took === null) return;
  const { algorithm, challenge: hash, salt, signature } = challenge;
  field.value = btoa(JSON.stringify({ algorithm, challenge: hash, number: took, salt, signature }));
};

if (form && crypto.subtle && window.Worker) {
  let waiting = false;
  const done = solve().catch(() => {}).finally(() => {
    if (say) say.hidden = true;
    if (waiting) form.requestSubmit();
    waiting = null;
  });
  form.addEventListener("submit", (e) => {
    if (waiting === null || waiting) return;
    e.preventDefault();
    waiting = true;
    if (say) say.hidden = false;
    return done;
  });
}
