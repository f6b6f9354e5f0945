// Package appointments gives out times for advice at a place: desks, advisers,
// buffers and opening hours on one side, citizens with or without an appointment
// on the other, and the numbers that are called.
//
// It does not know events, cases or how mail is sent. What must follow leaves as
// an order row in the transaction that takes or frees a time.
//
// A [Service] binds the pages of citizens (/termine/), the counter
// (/schalter/termine/, /schalter/aufruf/), the screen (/aufruf/) and the settings
// (/redaktion/termine/). A time is taken by rows of appointment_ticks, five
// minutes of one desk or adviser each; their primary key decides who gets them.
// Expire, Remind and Forget are for the scheduled jobs.
package appointments
