"""How the page looks: colours of the theme in light and dark, on a desk and on a telephone, without outside fonts."""

SYSTEM_FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif")

MONOSPACED_FONTS = ("ui-monospace", "Consolas", "monospace")
COLOURS = {  # of gradio's theme; its own greys are too pale to read
    "body_text_color_subdued": "#4b5563",
    "body_text_color_subdued_dark": "#b6bdc8",
    "block_info_text_color": "#4b5563",
    "block_info_text_color_dark": "#b6bdc8",
    "block_label_text_color": "#1f2937",
    "block_title_text_color": "#1f2937",
    "block_label_text_color_dark": "#e5e7eb",
    "block_title_text_color_dark": "#e5e7eb",
    "input_placeholder_color": "#6b7280",
    "input_placeholder_color_dark": "#9ca3af",
}

CSS = """
.gradio-container { width: 100% !important; max-width: 1180px !important; margin: 0 auto !important; }
.gradio-container > main, .gradio-container main.contain { width: 100%; }
header h1 { font-size: 1.5rem; font-weight: 650; margin: 0; }
header p { margin: 0; color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.html-container:has(.status, .statement, .scores, header) { padding: 0 !important; }
#voice .audio-container:has(.upload-container), #voice .upload-container { height: 130px !important;
  min-height: 0 !important; }
#voice .upload-container .wrap { font-size: 1rem; line-height: 1.3; min-height: 0; padding: 18px 0 0; }
.status { padding: 10px 12px; border-radius: 8px; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); overflow-wrap: anywhere; }
.status p { margin: 0 0 8px; }
.status.failed { background: #fef2f2; border-color: #f0a8a8; color: #7f1d1d; }
.status.done { background: #f0fdf4; border-color: #9bd8ae; color: #14532d; }
.dark .status.failed { background: #3b1212; border-color: #7f1d1d; color: #fecaca; }
.dark .status.done { background: #0d2b18; border-color: #14532d; color: #bbf7d0; }
.bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); overflow: hidden; }
.bar b, .bar i { display: block; height: 100%; border-radius: 4px; background: var(--color-accent); }
.bar b { transition: width .3s; }
.bar i { width: 30%; animation: to-and-fro 1.6s ease-in-out infinite alternate; }
@keyframes to-and-fro { from { margin-left: 0; } to { margin-left: 70%; } }
@media (prefers-reduced-motion: reduce) { .bar i { animation: none; width: 100%; opacity: .5; } }
.statement { border-left: 4px solid var(--color-accent); padding: 2px 12px; font-size: .9rem; overflow-wrap: anywhere; }
.statement p { margin: 2px 0; }
.scores h3 { font-size: 1rem; margin: 4px 0 8px; }
.scores ul.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px;
  grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); }
.scores ul.cards li { margin: 0; padding: 8px 12px; border: 1px solid var(--border-color-primary); border-radius: 8px; }
.scores .value { float: right; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.scores b { display: block; }
.scores em { display: block; font-style: normal; font-size: .78rem; color: var(--body-text-color-subdued); }
.scores p { margin: 4px 0 0; font-size: .82rem; color: var(--body-text-color-subdued); }
.scores details { margin-top: 8px; font-size: .85rem; color: var(--body-text-color-subdued); }
.scores details li { margin-left: 1.2em; list-style: disc; }
#speed:has(input:disabled) { opacity: .55; }
"""
