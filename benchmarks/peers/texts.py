"""What the comparison's pages say, in English and Chinese."""

HEADINGS = {
    "en": (
        "engine",
        "P",
        "R",
        "F1",
        "det. F1",
        "CER",
        "s a sheet",
        "s in all",
        "× naive tiles",
        "peak MB",
        "download MB",
    ),
    "zh": (
        "引擎",
        "P",
        "R",
        "F1",
        "检测 F1",
        "CER",
        "秒/张",
        "总秒数",
        "相对朴素切块的倍速",
        "峰值 MB",
        "下载 MB",
    ),
}


TEXTS = {
    "en": {
        "title": "# drawops against other OCR engines",
        "generated": "Written by `make benchmark`; do not edit. "
        "The same figures, sheet by sheet: [peers.json]({json}).",
        "measured": "Measured {when} on {cpu}, {cores} cores, {memory_gib} GiB, {system}, Python {python}; "
        "every engine with {threads} thread(s), one after another, each sheet read {runs} time(s) "
        "(the median counts).",
        "command": "The command:",
        "set": "## {name}: {sheets} sheets, {texts} texts, {megapixels} megapixels",
        "plot": "F1 against seconds a sheet",
        "failures": "What failed; a sheet that was not read counts as read without a text:",
        "missing": "Not available in this run:",
        "engines": "## The engines",
        "versions": "versions",
        "load": "loaded and warmed up in {load} s",
        "rules": "## How it was measured",
        "not_run": "## Not in the table",
        "colon": ": ",
    },
    "zh": {
        "title": "# drawops 与其他 OCR 引擎的比较",
        "generated": "由 `make benchmark` 生成，请勿手工修改。逐张图纸的数据：[peers.json]({json})。",
        "measured": "测量时间 {when}；机器：{cpu}，{cores} 核，{memory_gib} GiB，{system}，"
        "Python {python}；每个引擎 {threads} 个线程，逐个运行，每张图纸读 {runs} 次（取中位数）。",
        "command": "命令：",
        "set": "## {name}：{sheets} 张图纸，{texts} 个文本，{megapixels} 百万像素",
        "plot": "F1 与每张秒数",
        "failures": "失败之处；未能读取的图纸按未读出任何文本计分：",
        "missing": "本次运行中不可用：",
        "engines": "## 引擎",
        "versions": "版本",
        "load": "加载与预热 {load} 秒",
        "rules": "## 测量方法",
        "not_run": "## 未列入表中",
        "colon": "：",
    },
}

RULES = {
    "en": (
        "A text is right when its quad overlaps the labelled one with IoU 0.5 or more **and** the string is "
        "the same, case and spaces included, one to one (`drawops_vision.evaluation.scoring`). Detection F1 "
        "asks for the overlap alone. CER counts a missed text as all its characters.",
        "Input is the rendered sheet as PNG. No engine sees the PDF or its text layer.",
        "Seconds run from the file on disk to the texts, decoding included, after loading and one warm-up "
        "image.",
        "Each engine runs in a process and an environment of its own; peak memory is that process's (for "
        "Tesseract, its program's) peak resident set.",
        "Download is what the registry sends for a fresh environment, all dependencies and weights included.",
        "Every engine but drawops runs with the settings it comes with; only drawops is made for drawings.",
    ),
    "zh": (
        "四边形与标注的 IoU 不小于 0.5，**且**字符串完全相同（含大小写与空格），一一对应，才算正确"
        "（`drawops_vision.evaluation.scoring`）。检测 F1 只要求重叠。CER 把漏读的文本按全部字符计。",
        "输入是渲染成 PNG 的图纸，任何引擎都看不到 PDF 及其文本层。",
        "秒数从磁盘上的文件算到得出文本，含解码；加载与一张预热图像不计。",
        "每个引擎在各自的进程与环境中运行；峰值内存是该进程（Tesseract 为其程序）的峰值驻留内存。",
        "下载量是全新环境从软件源得到的全部字节，含所有依赖与权重。",
        "除 drawops 外，各引擎都用其自带的默认设置；只有 drawops 专为工程图而做。",
    ),
}
