package participation

import (
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"
)

// Attended tells the title and the end (zero: none) of an anonymous survey that is open to
// those who came to an event. base.ErrNotFound: there is no such survey; a refusal: it takes
// no answers now.
func (pt *Participation) Attended(slug string) (title content.Text, closes time.Time, err error) {
	q, err := pt.surveys.find(slug)
	if err != nil {
		return nil, time.Time{}, err
	}
	if q.Access != survey.AccessAttendance {
		return nil, time.Time{}, base.ErrNotFound
	}
	return q.Title, q.Closes, q.open(pt.p.Now())
}

// AttendedPath is the address of a survey's first page with a pass made of a random
// key. It stores nothing: see [gate.Gate.NewAttendance].
func (pt *Participation) AttendedPath(slug, lang, key string, until time.Time) string {
	return base.Prefix(lang) + "/umfragen/" + slug + "/teilnehmen/?" + gate.FieldInvitation + "=" + pt.gate.NewAttendance(scope(slug), key, until)
}
