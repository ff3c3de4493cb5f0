// Images that are dropped on the page, or chosen: sent to the program on this computer, one by one.

import { ask, tell } from "./server.js";

const put = (address, body) => ask(address, { method: "PUT", body, headers: { "Content-Type": "application/octet-stream" } });

/** Send files, each with its path; say how far it is, and return what the program says of them. */
async function send(files, say) {
  const { drop } = await tell("/drops");
  const refused = [];
  for (const [place, { file, path }] of files.entries()) {
    say(`Taking ${file.name} (${place + 1} of ${files.length}) …`);
    const name = path.split("/").map(encodeURIComponent).join("/");
    try {
      await put(`/drops/${drop}/${name}`, file);
    } catch (error) {
      refused.push(error.message);
    }
  }
  const { images, remarks } = await tell(`/drops/${drop}`);
  say(images === 1 ? "1 image was taken." : `${images} images were taken.`);
  return [...refused, ...(refused.length && !images ? [] : remarks)];
}

/** Return the files of what was dropped, those in folders too. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return (await Promise.all(found.map(filesIn))).flat();
    found.push(...some);
  }
}

/** Take what is dropped anywhere on the page, and what is chosen. remark: shows sentences. */
export function takeDrops(say, remark) {
  const zone = document.getElementById("drop");
  const take = async (files) => {
    try {
      if (files.length) remark(await send(files, say));
    } catch (error) {
      remark([error.message]);
    }
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  addEventListener("dragleave", () => zone.classList.remove("over"));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(await filesOf(event.dataTransfer));
  });
  for (const [button, name] of [["choose", "files"], ["choose-folder", "folder"]]) {
    const input = document.getElementById(name);
    document.getElementById(button).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      take([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  }
}
