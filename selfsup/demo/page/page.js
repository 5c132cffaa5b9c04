// The page: sends the photograph with the choices, shows what comes back.

const at = (id) => document.getElementById(id);
const form = at("choices");
const answer = await fetch("choices");
const { max_bytes: maxBytes, ...choices } = await answer.json();

let file = null; // The photograph that is shown.
let running = null; // Ends the request that is under way.
let clock = null; // Counts its seconds.

for (const [name, { choices: values = [], default: first }] of Object.entries(choices)) {
  form[name].append(...values.map((value) => new Option(value, value)));
  form[name].value = first;
}
showFactor();

function showFactor() {
  at("factor").value = Number(form.saturation.value).toFixed(1);
}

function say(error) {
  at("error").textContent = error;
  at("error").hidden = !error;
}

// Shows what is waited for and since when; nothing where the text is empty.
function wait(text) {
  clearInterval(clock);
  at("status").hidden = !text;
  const start = Date.now();
  const tell = () => {
    const seconds = Math.round((Date.now() - start) / 1000);
    at("status").lastElementChild.textContent = seconds ? `${text} ${seconds} s` : text;
  };
  tell();
  if (text) clock = setInterval(tell, 1000);
}

// Asks the server for something of a photograph; null where that failed.
async function ask(path, photograph, text) {
  running?.abort();
  const own = new AbortController();
  running = own;
  say("");
  wait(text);
  at("save").disabled = true;
  try {
    const query = new URLSearchParams(new FormData(form));
    query.set("name", photograph.name);
    const reply = await fetch(`${path}?${query}`, {
      method: "POST", body: photograph, signal: own.signal,
    });
    if (reply.ok) return reply;
    say((await reply.json()).error);
  } catch (error) {
    if (!own.signal.aborted) {
      say(`No answer came. Expected a running server and a file that is still there. `
        + `Received: ${error.message}`);
    }
  } finally {
    if (running === own) {
      wait("");
      at("save").disabled = false;
    }
  }
  return null;
}

function megabytes(photograph) {
  return `${(photograph.size / 1e6).toFixed(1)} MB`;
}

async function show(photograph) {
  const reply = await ask("shown", photograph, `Coloring ${photograph.name} (${megabytes(photograph)}) ...`);
  // An error is not of the photograph that was shown before.
  if (!reply && photograph !== file && !at("error").hidden) {
    at("result").hidden = true;
    file = null;
  }
  if (!reply) return;
  const { gray, colored, height, width } = await reply.json();
  file = photograph;
  at("gray").src = `data:image/png;base64,${gray}`;
  at("colored").src = `data:image/png;base64,${colored}`;
  at("size").textContent = `${photograph.name}, ${width} x ${height} pixels`;
  at("result").hidden = false;
}

function take(files) {
  if (files.length > 1) {
    say(`One photograph at a time. Expected one file; "selfsup colorize" takes folders. `
      + `Received: ${files.length} files`);
  } else if (files.length && files[0].size > maxBytes) {
    say(`A file is too large for the page. Expected at most ${maxBytes} bytes. `
      + `Received: ${files[0].name}, ${files[0].size} bytes`);
  } else if (files.length) {
    show(files[0]);
  }
}

function slide() {
  const share = at("between").value;
  at("colored").style.clipPath = `inset(0 0 0 ${share}%)`;
  at("line").style.left = `${share}%`;
  // A name stands on its own picture only.
  document.querySelector(".left").style.opacity = share < 15 ? 0 : 1;
  document.querySelector(".right").style.opacity = share > 85 ? 0 : 1;
}

at("between").addEventListener("input", slide);
slide();

at("file").addEventListener("change", () => {
  take([...at("file").files]);
  at("file").value = ""; // So that the same file can be chosen again.
});

// A photograph beside the frame must not replace the page.
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}

form.addEventListener("input", showFactor);
form.addEventListener("change", () => file && show(file));
form.addEventListener("submit", (event) => event.preventDefault());

at("save").addEventListener("click", async () => {
  const reply = await ask("colored", file, "Writing the full size ...");
  if (!reply) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = file.name.replace(/\.[^.]+$/, "") + ".png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});

document.body.dataset.ready = "yes"; // For those who drive the page by a program.
