// Package exports writes sheets for planners: one workbook per survey with the
// answers as codes and as German labels, a codebook that is generated from the
// questionnaire versions, and counts.
//
// It knows nothing of databases, staff or web pages. A [Survey] is what goes in:
// the versions of a questionnaire and an iterator over the responses of one
// snapshot; [WriteWorkbook] makes the file, whole or not at all. Its figures are
// those of content/survey/tally, as on every chart and results page.
//
// The limits of the format (OOXML, ISO/IEC 29500) are handled where one can see
// them: [Summary] counts what had to be shortened or replaced, the sheet
// "Lesemich" repeats it, and what does not fit at all is refused with a
// [Refusal] that says why.
package exports
