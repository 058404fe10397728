"""The one stylesheet of the program, made from a palette and the metrics of the font.

Owns how each role and standard widget looks. Every length is a multiple of the spacing step, so that
nothing is clipped at another type size; hairlines are the only fixed pixel. The property ``role``
of a widget (see ``theme.set_role``) picks a look:

    QLabel: title, muted, small, mono, strong, error     QFrame/QWidget: surface, bar, rail, line, palette, …
    QPushButton: primary, danger                  QToolButton: rail-button, chip
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from prismq_gui.resources import resource_path
from prismq_gui.theme.tokens import Palette


@dataclass(frozen=True, slots=True)
class Metrics:
    """The lengths a stylesheet needs: step in device-independent pixels, fonts as CSS sizes."""

    step: int
    small_font: str
    base_font: str
    title_font: str
    mono_family: str


_SHEET = Template("""
* { outline: none; }
QMainWindow, QDialog { background: $window; }
QWidget[role="surface"], QFrame[role="surface"] { background: $surface; }
QWidget[role="bar"] { background: $window; border-bottom: 1px solid $border; }
QWidget[role="footer"] { background: $window; border-top: 1px solid $border; }
QWidget[role="rail"] { background: $window; border-right: 1px solid $border; }
QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: ${s1_5}px; }
QFrame[role="palette"] { background: $surface; border: 1px solid $border_strong; border-radius: ${s2}px; }
QFrame[role="line"] { background: $border; border: none; min-height: 1px; max-height: 1px; }
QFrame[role="line-vertical"] { background: $border; border: none; min-width: 1px; max-width: 1px; }

QLabel { background: transparent; }
QLabel[role="title"] { font-size: $title_font; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="small"] { color: $muted; font-size: $small_font; }
QLabel[role="mono"] { font-family: "$mono_family"; }
QLabel[role="error"] { color: $danger; }

QToolTip { background: $raised; color: $text; border: 1px solid $border_strong; padding: ${s1}px ${s1_5}px; }

QPushButton { background: $raised; color: $text; border: 1px solid $border_strong; border-radius: ${s1}px;
  padding: ${s1}px ${s3}px; min-height: ${s5}px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $selection_idle; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $disabled; border-color: $border; background: $window; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="danger"] { background: $danger; color: $on_danger; border-color: $danger; font-weight: 600; }
QPushButton[role="danger"]:hover { background: $danger_hover; border-color: $danger_hover; }
QPushButton[role="danger"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled, QPushButton[role="danger"]:disabled { color: $disabled;
  background: $selection_idle; border-color: $border; }

QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; button-layout: 3; }  /* as in our own rows of buttons */

QToolButton { background: transparent; color: $text; border: 1px solid transparent; border-radius: ${s1}px;
  padding: ${s1}px; }
QToolButton:hover { background: $selection_idle; }
QToolButton:pressed, QToolButton:checked { background: $selection; }
QToolButton:focus { border-color: $accent; }
QToolButton:disabled { color: $disabled; }
QToolButton[popupMode="1"], QToolButton[popupMode="2"] { padding-right: ${s4}px; }
QToolButton::menu-indicator { image: url("$arrow"); width: ${s3}px; height: ${s3}px;
  subcontrol-origin: padding; subcontrol-position: right center; right: ${s0_5}px; }
QToolButton[popupMode="1"]::menu-button { border: none; width: ${s4}px; }
QToolButton[popupMode="1"]::menu-arrow { image: url("$arrow"); width: ${s3}px; height: ${s3}px; }

QToolButton[role="chip"] { background: $surface; border: 1px solid $border; border-radius: ${s3}px;
  padding: ${s0_5}px ${s2}px; min-height: ${s5}px; }  /* lower than twice its radius, Qt would draw square corners */
QToolButton[role="chip"]:hover { background: $hover; border-color: $border_strong; }
QToolButton[role="chip"]:checked { background: $selection; border-color: $accent; }
QToolButton[role="chip"]:focus { border-color: $accent; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QDateTimeEdit, QComboBox {
  background: $surface; color: $text; border: 1px solid $border_strong; border-radius: ${s1}px;
  selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit { placeholder-text-color: $muted; }
QLineEdit, QSpinBox, QDoubleSpinBox, QDateTimeEdit, QComboBox { padding: ${s1}px ${s1_5}px; min-height: ${s5}px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus { border: 1px solid $accent; }
QSpinBox:focus, QDoubleSpinBox:focus, QDateTimeEdit:focus { border: 1px solid $accent; }
QLineEdit:disabled, QComboBox:disabled { color: $disabled; border-color: $border; background: $window; }
QPlainTextEdit[role="text-panel"] { border: 1px solid transparent; border-radius: 0; background: $surface;
  font-family: "$mono_family"; }
QPlainTextEdit[role="text-panel"]:focus { border: 1px solid $accent; }
QComboBox QLineEdit, QComboBox QLineEdit:focus { border: none; padding: 0; min-height: 0; background: transparent; }
QComboBox::drop-down, QDateTimeEdit::drop-down { border: none; width: ${s6}px; subcontrol-origin: padding;
  subcontrol-position: right center; }
QComboBox::down-arrow, QDateTimeEdit::down-arrow { image: url("$arrow"); width: ${s4}px; height: ${s4}px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border_strong; padding: ${s1}px;
  selection-background-color: $selection; selection-color: $text; }

QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {
  border: none; background: transparent; width: ${s5}px; }
QSpinBox::up-button:hover, QSpinBox::down-button:hover { background: $hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url("$arrow_up"); width: ${s3}px; height: ${s3}px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url("$arrow"); width: ${s3}px; height: ${s3}px; }
QCheckBox, QRadioButton { background: transparent; spacing: ${s1_5}px; padding: ${s0_5}px; }
QCheckBox::indicator, QRadioButton::indicator, QListView::indicator { width: ${s3_5}px; height: ${s3_5}px;
  background: $surface; border: 1px solid $border_strong; border-radius: ${s0_5}px; }
QRadioButton::indicator { border-radius: ${s2}px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover, QCheckBox:focus::indicator { border-color: $accent; }
QCheckBox::indicator:checked, QListView::indicator:checked { background: $accent; border-color: $accent;
  image: url("$check"); }
QRadioButton::indicator:checked { background: $accent; border-color: $accent; image: url("$dot"); }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { background: $window; border-color: $border; }
QCheckBox:focus, QRadioButton:focus { color: $accent; border: 1px solid $accent; border-radius: ${s1}px; padding: 1px; }
QMenu::indicator { width: ${s3_5}px; height: ${s3_5}px; left: ${s1_5}px; border: 1px solid $border_strong;
  border-radius: ${s0_5}px; background: $surface; }
QMenu::indicator:checked { background: $accent; border-color: $accent; image: url("$check"); }

QAbstractItemView { background: $surface; color: $text; border: none; selection-background-color: $selection;
  selection-color: $text; }
QListView[role="offers"] { background: $raised; border: 1px solid $border_strong; border-radius: ${s1}px;
  padding: ${s0_5}px 0; }
QListView::item { padding: ${s0_5}px 0; }
QTreeView[role="lines"] { padding: ${s1}px ${s1_5}px; }
QTreeView { show-decoration-selected: 1; }
QDialog QTreeView, QTabWidget QTreeView, QTabWidget QListView, QScrollArea[role="surface"] {
  border: 1px solid transparent; }  /* of the same width without the focus: else all in it would jump */
QDialog QTreeView:focus, QTabWidget QTreeView:focus, QTabWidget QListView:focus, QScrollArea[role="surface"]:focus {
  border: 1px solid $accent; }
QTreeView::item { padding: ${s0_5}px 0; }
QTreeView[role="columns"]::item { padding: ${s0_5}px ${s1}px; }  /* under the words of its header */
QTreeView::item:hover { background: $hover; }
QTreeView::item:selected { background: $selection; color: $text; }
QTreeView::item:selected:!active { background: $selection_idle; }
QHeaderView { background: $window; border: none; }
QHeaderView::section { background: $window; color: $muted; border: none; border-bottom: 1px solid $border;
  border-right: 1px solid $border; padding: ${s1}px ${s2}px; }
QHeaderView::section:hover { background: $hover; color: $text; }
QHeaderView::down-arrow { image: url("$arrow_down"); width: ${s3}px; height: ${s3}px;
  subcontrol-position: right center; right: ${s1}px; }
QHeaderView::up-arrow { image: url("$arrow_up"); width: ${s3}px; height: ${s3}px;
  subcontrol-position: right center; right: ${s1}px; }
QTableCornerButton::section { background: $window; border: none; }

QTabWidget::pane { border: none; border-top: 1px solid $border; }
QTabBar { background: transparent; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: $muted; border: none; border-bottom: ${s0_5}px solid transparent;
  padding: ${s1_5}px ${s1_5}px; margin-right: ${s1}px; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }

QMenuBar { background: $window; border-bottom: 1px solid $border; padding: 0 ${s1}px; }
QMenuBar::item { background: transparent; padding: ${s1}px ${s2}px; border-radius: ${s1}px; }
QMenuBar::item:selected { background: $selection_idle; }
QMenu { background: $raised; color: $text; border: 1px solid $border_strong; padding: ${s1}px 0; }
QMenu::item { padding: ${s1_5}px ${s6}px ${s1_5}px ${s2}px; }
QMenu::item:selected { background: $selection; color: $text; }
QMenu::item:disabled { color: $disabled; background: transparent; }
QMenu::icon { padding-left: ${s2}px; }
QMenu::separator { height: 1px; background: $border; margin: ${s1}px 0; }
QToolBar { background: $window; border: none; border-bottom: 1px solid $border; padding: ${s1}px ${s2}px;
  spacing: ${s1}px; }
QToolBar::separator { background: $border; width: 1px; margin: ${s1}px ${s1}px; }
QStatusBar { background: $window; border-top: 1px solid $border; }
QStatusBar::item { border: none; }
QSplitter::handle { background: $border; }
QSplitter::handle:hover { background: $accent; }
QProgressBar { background: $selection_idle; border: none; border-radius: ${s0_5}px; color: $text;
  text-align: center; min-height: ${s1}px; }
QProgressBar::chunk { background: $accent; border-radius: ${s0_5}px; }

QScrollBar:vertical { background: transparent; width: ${s3}px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${s3}px; margin: 0; }
QScrollBar::handle { background: $border_strong; border-radius: ${s0_5}px; margin: ${s1}px; }
QScrollBar::handle:vertical { min-height: ${s8}px; }
QScrollBar::handle:horizontal { min-width: ${s8}px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: none; }

QFrame[banner="info"] { background: $info_ground; border: none; border-bottom: 1px solid $info; }
QFrame[banner="success"] { background: $success_ground; border: none; border-bottom: 1px solid $success; }
QFrame[banner="warning"] { background: $warning_ground; border: none; border-bottom: 1px solid $warning; }
QFrame[banner="danger"] { background: $danger_ground; border: none; border-bottom: 1px solid $danger; }
QToolButton[role="rail-button"] { border-radius: ${s1_5}px; padding: ${s1_5}px ${s2}px; text-align: left; }
QToolButton[role="rail-button"]:checked { background: $selection; }
""")

_STEPS = {
    "s0_5": 0.5,
    "s1": 1,
    "s1_5": 1.5,
    "s2": 2,
    "s3": 3,
    "s3_5": 3.5,
    "s4": 4,
    "s5": 5,
    "s6": 6,
    "s8": 8,
}


def _url(name: str) -> str:
    """Return a resource's path as it may stand in ``url("…")``: slashes, and quotes escaped."""
    return resource_path(name).as_posix().replace("\\", "\\\\").replace('"', '\\"')


def build(palette: Palette, metrics: Metrics) -> str:
    """Return the whole stylesheet for one palette."""
    colours = {name: getattr(palette, name) for name in palette.__slots__}
    lengths = {name: max(1, round(metrics.step * steps)) for name, steps in _STEPS.items()}
    fonts = {
        "small_font": metrics.small_font,
        "base_font": metrics.base_font,
        "title_font": metrics.title_font,
        "mono_family": metrics.mono_family.replace('"', ""),
    }
    side = "dark" if palette.dark else "light"
    images = {
        "arrow": _url("arrow-down.svg"),
        "arrow_down": _url("arrow-down.svg"),
        "arrow_up": _url("arrow-up.svg"),
        "check": _url(f"check-{side}.svg"),
        "dot": _url(f"dot-{side}.svg"),
    }
    return _SHEET.substitute(colours | lengths | fonts | images)
