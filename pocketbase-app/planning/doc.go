// Package planning gives planners the participation counts of every survey and
// workbooks to download: made at a click or each night, one at a time, logged
// with who took them and when, gone after 30 days.
//
// It does not know how answers are stored or what a workbook looks like: counts
// come in by [Options.Counts], files are written by [Options.Write]. [New] makes
// it, [Planning.Bind] adds the pages, [Planning.Run] makes the files that
// planners ask for, [Planning.NightlyExport] and [Planning.Sweep] are jobs.
// Pages show how many took part, never what they answered.
package planning
