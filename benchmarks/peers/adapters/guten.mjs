// Guten OCR for Node.js as it comes; job and report as in session.py.
//
//     node guten.mjs --packages DIR --report FD

import fs from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({ options: { packages: { type: 'string' }, report: { type: 'string' } } })
const require = createRequire(join(options.packages, 'package.json'))
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default

// A pipe may take a line only in part.
function tell(event) {
  const line = Buffer.from(`${JSON.stringify(event)}\n`)
  for (let sent = 0; sent < line.length; ) sent += fs.writeSync(Number(options.report), line, sent)
}

// Peak resident memory in bytes; where there is no /proc, what the system counts for the process.
function peakMemory() {
  if (!fs.existsSync('/proc/self/status')) return process.resourceUsage().maxRSS * 1024
  return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
}

// The engine fits the sheet, centred, into the next multiple of 32 pixels and gives its boxes in that picture.
function placeOnSheet([x, y], { width, height }) {
  const [fitted, across] = [Math.ceil(height / 32) * 32, Math.ceil(width / 32) * 32]
  const scale = Math.min(across / width, fitted / height)
  return [(x - (across - width * scale) / 2) / scale, (y - (fitted - height * scale) / 2) / scale]
}

const job = JSON.parse(fs.readFileSync(0, 'utf8'))
const started = performance.now()
const sharp = await load('sharp')
sharp.concurrency(job.threads)
const Ocr = await load('@gutenye/ocr-node')
const engine = await Ocr.create({ onnxOptions: { intraOpNumThreads: job.threads } })
await engine.detect(job.warm_up)
const versions = Object.fromEntries(
  ['@gutenye/ocr-node', 'onnxruntime-node'].map((name) => {
    const file = join(options.packages, 'node_modules', name, 'package.json')
    return [name, JSON.parse(fs.readFileSync(file, 'utf8')).version]
  }),
)
tell({ event: 'ready', seconds: (performance.now() - started) / 1000, versions })

for (const image of job.images) {
  try {
    const seconds = []
    let lines = []
    for (let run = 0; run < job.runs; run++) {
      const before = performance.now()
      lines = await engine.detect(image)
      seconds.push((performance.now() - before) / 1000)
    }
    const size = await sharp(image).metadata()
    const texts = lines
      .filter((line) => line.box.length === 4 && line.box.flat().every(Number.isFinite))
      .map((line) => [line.text, line.box.map((point) => placeOnSheet(point, size))])
    tell({ event: 'sheet', image, seconds, texts, peak: peakMemory() })
  } catch (error) {
    tell({ event: 'failed', image, error: String(error) })
  }
}
