// After a form came back with faults, readers and keyboards start at the summary.
const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();
