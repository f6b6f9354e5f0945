// Package chart draws figures as SVG: bars, stacked bars, the course of a number
// over time against a target, and columns.
//
// It knows no survey and no page. A drawing has a title and a description for
// screen readers, no style and no script: the stylesheet gives the classes their
// look (below), patterns tell areas apart where colours do not. A drawing never
// stands alone: put a table with the same figures beside it.
//
// Classes: chart-svg (every drawing), chart-wide (as wide as the page; the others
// are made for a column of 360 pixels), chart-label, chart-value, chart-axis,
// chart-grid, chart-ground (what a bar could reach), chart-bar, chart-step-1 to
// chart-step-7 (areas from light to dark) with chart-on-1 to chart-on-7 (text on
// them), chart-hatch (patterns over them,
// chart-pattern and, over dark areas, chart-pattern-dark), chart-line, chart-under (the area
// below the line), chart-target, chart-plan, chart-dot.
package chart
