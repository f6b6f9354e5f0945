// Package planning gives planners the participation counts of every survey and
// packages of single responses to those who are cleared for them.
//
// An administrator gives a clearance: one planner, one survey, with or without
// answers that tell who somebody is, with or without free texts, for a purpose,
// until a day. Under it a planner has packages made, at a click or by the schedule
// of a saved profile, one at a time, with a reason each. A package goes to nobody
// else, bears the name and the reason, ends with the clearance, at the latest after
// 30 days, and every fetch is noted.
//
// It does not know how answers are stored or what a package looks like: counts
// come in by [Options.Counts], packages are written by [Options.Write]. [New] makes
// it, [Planning.Bind] adds the pages, [Planning.Run] makes the packages that
// planners ask for, [Planning.RunSchedules] and [Planning.Sweep] are jobs.
package planning
