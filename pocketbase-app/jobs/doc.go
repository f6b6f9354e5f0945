// Package jobs runs what is due by the clock on the wall in Kassel: the nightly
// export, retention, the expiry of holds.
//
// It does not know what a job does. A [Job] is a name, a cron line and a
// function; [New] checks the list; [Scheduler.Run] claims every occurrence by
// its own row in table job_runs, in a transaction and under a lease, so that it
// runs once even with two servers on one database. A [Schedule] counts wall
// times: a job at 02:30 runs exactly once on every day, also when the clocks
// change. History and the next runs are for staff pages.
package jobs
