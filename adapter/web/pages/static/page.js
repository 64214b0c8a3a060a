// Small comforts; every page works without them.
"use strict";

// A link to an answer opens its basis, in browsers that do not do so themselves.
function openTarget() {
  const name = decodeURIComponent(location.hash.slice(1));
  const target = name && document.getElementById(name);
  const closed = target && target.closest("details:not([open])");
  if (closed) {
    closed.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", openTarget);
openTarget();

// One button for every basis of a case, such as before printing.
for (const button of document.querySelectorAll("[data-open-all]")) {
  const all = button.closest("section").querySelectorAll(".card details");
  const words = ["Open every basis", "Close every basis"];
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = button.textContent === words[0];
    for (const one of all) one.open = open;
    button.textContent = words[open ? 1 : 0];
  });
}

// Where a drawing does not fit, its words are open.
if (matchMedia("(max-width: 40rem)").matches) {
  for (const one of document.querySelectorAll("[data-open-narrow]")) one.open = true;
}

// A file that is dropped anywhere on the form is sent at once.
for (const form of document.querySelectorAll("form[data-drop]")) {
  const file = form.querySelector("input[type=file]");
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length) {
      file.files = event.dataTransfer.files;
      form.requestSubmit();
    }
  });
}
