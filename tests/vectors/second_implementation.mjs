// Digest v1 in another language, written from docs/digest.md alone (C3). `node second_implementation.mjs`
// checks digest-v1.json beside it. JSON.stringify writes strings and integers as RFC 8785 asks.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function digest(contents, ignore) {
  const files = Object.entries(contents).map(([path, hex]) => {
    const bytes = Buffer.from(hex, "hex");
    return { path, sha256: sha256(bytes), size: bytes.length };
  });
  files.sort((a, b) => Buffer.compare(Buffer.from(a.path, "utf8"), Buffer.from(b.path, "utf8")));
  return "sha256:" + sha256("model-devops.digest.v1\n" + JSON.stringify({ files, ignore }));
}

const { vectors } = JSON.parse(readFileSync(new URL("digest-v1.json", import.meta.url), "utf8"));
const wrong = vectors.filter((vector) => digest(vector.files, vector.ignore) !== vector.digest);
wrong.forEach((vector) => console.log("differs: " + vector.name));
if (!wrong.length) console.log(vectors.length + " vectors hold");
process.exit(wrong.length ? 1 : 0);
