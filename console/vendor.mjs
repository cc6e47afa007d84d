// Copies the libraries of the web page out of node_modules into drawops_console/static/vendor, with their
// licences and a manifest of exact versions and SHA-256. `make vendor` runs it after `npm ci`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const here = new URL("./", import.meta.url);
const target = new URL("drawops_console/static/vendor/", here);
const locked = JSON.parse(readFileSync(new URL("package-lock.json", here), "utf8")).packages;

// A browser without a bundler knows no bare names, and the page's Content-Security-Policy allows no import map.
const withoutMap = (text) => text.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n");
const relative = (text) => withoutMap(text).replaceAll('from"preact"', 'from"./preact.js"');

const files = [
    { name: "preact", from: "dist/preact.mjs", to: "preact.js", change: withoutMap },
    { name: "preact", from: "hooks/dist/hooks.mjs", to: "preact-hooks.js", change: relative },
    { name: "preact", from: "LICENSE", to: "preact.LICENSE.txt" },
    { name: "htm", from: "dist/htm.mjs", to: "htm.js", change: withoutMap },
    { name: "htm", from: "LICENSE", to: "htm.LICENSE.txt" },
    { name: "openseadragon", from: "build/openseadragon/openseadragon.min.js", to: "openseadragon.js", change: withoutMap },
    { name: "openseadragon", from: "LICENSE.txt", to: "openseadragon.LICENSE.txt" },
];

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const libraries = {};
for (const { name, from, to, change } of files) {
    const root = new URL(`node_modules/${name}/`, here);
    const original = readFileSync(new URL(from, root), "utf8");
    const text = change ? change(original) : original;
    writeFileSync(new URL(to, target), text);
    const { version, license } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
    libraries[name] ??= { version, license, integrity: locked[`node_modules/${name}`].integrity, files: {} };
    libraries[name].files[to] = { from, sha256: createHash("sha256").update(text).digest("hex") };
}
writeFileSync(new URL("manifest.json", target), JSON.stringify(libraries, null, 2) + "\n");
