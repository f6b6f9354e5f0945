// Package live is the matter of live formats in the Event Lounge: people in the
// room send questions, vote for those of others and answer polls from their own
// devices; a moderator chooses what the screen shows.
//
// A sitting has a code of six digits. Everything works on plain HTML pages;
// where scripts run, an event stream (Server-Sent Events, HTML Living Standard,
// section 9.2) brings what is new. Nobody is asked for a name and no address is
// kept: who votes is told from others by a random cookie, kept only as a
// pseudonym that differs for every question and poll. The constraints of the
// tables let each pseudonym count once.
package live
