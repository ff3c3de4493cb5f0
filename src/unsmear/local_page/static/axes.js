// The field for the axes of an image whose file does not say them.

import { tell } from "./server.js";

const by = (id) => document.getElementById(id);
let [asked, alike] = ["", []];

/** Show the field where an image needs axes, and hide it otherwise; images: all of them. */
export function showAxes(image, images) {
  by("axes-form").hidden = !image.unnamed;
  if (!image.unnamed) return;
  const sizes = sizesOf(image);
  alike = sizes ? images.filter((other) => other.unnamed && sizesOf(other) === sizes).map(({ key }) => key) : [];
  by("axes-all-row").hidden = alike.length < 2;
  by("axes-all-words").textContent = `for all ${alike.length} images of these dimensions (${sizes})`;
  if (asked === image.key) return;
  asked = image.key;
  by("axes").value = image.axes;
  by("axes-error").textContent = "";
  by("axes").removeAttribute("aria-invalid");
}

/** Return the sizes that the sentence on an image's axes names, such as 3x64x64; undefined for none. */
const sizesOf = ({ sentences }) => sentences[0]?.match(/\b\d+(x\d+)+\b(?=\D*$)/)?.[0];

by("axes-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const images = by("axes-all").checked && alike.length > 1 ? alike : [asked];
  try {
    await tell("/axes", { images, axes: by("axes").value });
    [asked, by("axes-error").textContent] = ["", ""];
    by("axes-all").checked = false;
    by("title").focus();
  } catch (error) {
    by("axes-error").textContent = error.message || "The program does not answer.";
    by("axes").setAttribute("aria-invalid", "true");
    by("axes").focus();
  }
});
