// After a form came back with faults, readers and keyboards start at the summary.
const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();

// The count of votes as of now; without this script that of the last build.
for (const el of document.querySelectorAll("[data-votes]")) {
  fetch(`/api/v1/ideas/${el.dataset.votes}`).then((r) => (r.ok ? r.json() : null)).then((i) => {
    if (i) el.textContent = i.votes;
  }).catch(() => {});
}
