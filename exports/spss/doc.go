// Package spss writes a frame for statisticians: as an SPSS system file (.sav)
// with labels, missing values and multiple response sets, and as two scripts that
// read the CSV of the same frame, one in SPSS syntax (.sps) and one in R.
//
// It does not know where a frame comes from. Widths and what a column really
// holds must be known before the first row is written: pour the frame into
// [Measure] first, then into the sink that [New] gives, both from one snapshot.
//
// Codes become numbers, so that tables come in the order of the questionnaire; a
// number stays the same when later versions add options (ADR 0026). The reasons
// for having no answer are user-missing values, -97 declined, -98 don't know and
// -99 skipped; not asked is system-missing, or the empty text.
//
// The layout of the file is that of PSPP's developer manual, "System File
// Format"; what is written is little-endian, UTF-8, with bytecode compression.
package spss
