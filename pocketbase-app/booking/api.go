package booking

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

type apiEvent struct {
	Slug      string    `json:"slug"`
	Title     string    `json:"title"`
	Start     string    `json:"start"`     // RFC 3339 with the offset of Berlin
	End       *string   `json:"end"`       // null when unknown
	Precision string    `json:"precision"` // minute, day, month: how exactly start and end are known
	Cancelled bool      `json:"cancelled"`
	Pools     []apiPool `json:"pools"`
}

type apiPool struct {
	Code  string `json:"code"`
	Size  int    `json:"size"`
	Free  int    `json:"free"`
	Label string `json:"label,omitempty"` // in the answer for one event
}

type apiOneEvent struct {
	apiEvent
	Summary  string `json:"summary"`
	Kind     string `json:"kind"`
	Place    string `json:"place"`
	Online   bool   `json:"online"`
	Language string `json:"language"` // of title and summary
	URL      string `json:"url"`

	Room      string     `json:"room"`
	Series    string     `json:"series"`
	Topic     string     `json:"topic"` // slug
	Audience  []string   `json:"audience"`
	Spoken    []string   `json:"spoken"` // BCP 47
	Sign      bool       `json:"sign_language"`
	Access    []string   `json:"access"` // see content.Accesses
	Free      bool       `json:"free_of_charge"`
	Prices    []apiPrice `json:"prices"`
	MovedFrom *string    `json:"moved_from"` // start before it was moved, null when it was not
	Reason    string     `json:"reason"`     // why it was cancelled or moved
}

type apiPrice struct {
	Code  string `json:"code"`
	Label string `json:"label"`
	Cents int    `json:"cents"` // euro cents
}

func (s *Service) inAPI(ev content.Event, rows map[string]poolRow, lang string, labels bool) apiEvent {
	a := apiEvent{
		Slug: ev.Slug, Title: titleOf(ev, lang), Start: berlinTime(ev.Start), Cancelled: ev.Cancelled,
		Precision: ev.Precision, Pools: []apiPool{},
	}
	if a.Precision == "" {
		a.Precision = content.ToMinute
	}
	if !ev.End.IsZero() {
		end := berlinTime(ev.End)
		a.End = &end
	}
	bookable := bookable(ev, s.p.Now()) == nil
	for _, pl := range places(ev, rows, lang) {
		pool := apiPool{Code: pl.Code, Size: pl.Size, Free: pl.Free}
		if !bookable {
			pool.Free = 0
		}
		if labels {
			pool.Label = pl.Label
		}
		a.Pools = append(a.Pools, pool)
	}
	return a
}

func berlinTime(t time.Time) string { return t.In(content.Berlin).Format(time.RFC3339) }

// apiList lists the published events that are not over, by start; with ?past=1
// the archive too. Free places of an event that cannot be booked are 0.
func (s *Service) apiList(e *core.RequestEvent) error {
	lang, now := base.AcceptedLanguage(e.Request), s.p.Now()
	past := e.Request.URL.Query().Get("past") == "1"
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return err
	}
	rows, err := counters(s.p.App.DB(), now, "")
	if err != nil {
		return err
	}
	list := []apiEvent{}
	for _, ev := range events {
		if past || !isOver(ev, now) {
			list = append(list, s.inAPI(ev, rows[ev.Slug], lang, false))
		}
	}
	return answerTagged(e, lang, list)
}

func (s *Service) apiEvent(e *core.RequestEvent) error {
	lang, slug := base.AcceptedLanguage(e.Request), e.Request.PathValue("slug")
	ev, err := s.events.published(s.p.App.DB(), slug)
	if err != nil {
		return err
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), slug)
	if err != nil {
		return err
	}
	t, used := text(ev, lang)
	one := apiOneEvent{
		apiEvent: s.inAPI(ev, rows[slug], lang, true),
		Summary:  t.Summary, Kind: ev.Kind, Place: ev.Place, Online: ev.Online, Language: content.Locale(used),
		URL:  s.p.Origin + base.Prefix(lang) + "/veranstaltungen/" + slug + "/",
		Room: ev.Room, Series: ev.Series, Topic: ev.Topic, Audience: append([]string{}, ev.Audience...), Spoken: ev.Languages, Sign: ev.SignLanguage,
		Access: append([]string{}, ev.Access...), Free: ev.Free, Prices: []apiPrice{},
	}
	if len(one.Spoken) == 0 {
		one.Spoken = []string{content.German}
	}
	for _, p := range ev.Prices {
		label, _ := p.Label.In(lang)
		one.Prices = append(one.Prices, apiPrice{p.Code, label, p.Cents})
	}
	if ev.Moved() {
		moved := berlinTime(ev.MovedFrom)
		one.MovedFrom = &moved
	}
	if ev.Cancelled || ev.Moved() {
		one.Reason, _ = ev.Reason.In(lang)
	}
	return answerTagged(e, lang, one)
}

// answerTagged answers with an ETag, or with 304 when the asker has it already.
func answerTagged(e *core.RequestEvent, lang string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tag := `"` + base.Hash(string(body))[:32] + `"`
	h := e.Response.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache") // keep, but ask every time
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Language", content.Locale(lang))
	if hasTag(e.Request.Header.Get("If-None-Match"), tag) {
		return e.NoContent(http.StatusNotModified)
	}
	return e.Blob(http.StatusOK, "application/json", body)
}

// hasTag compares weakly (RFC 9110, 8.8.3.2): compression may have made the tag weak.
func hasTag(list, tag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

func (s *Service) apiBook(e *core.RequestEvent) error {
	key, err := base.IdempotencyKey(e.Request)
	if err != nil {
		return err
	}
	req, err := readJSON(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, repeated, err := s.Book(Order{
		Event: e.Request.PathValue("slug"), Request: req,
		Language: base.AcceptedLanguage(e.Request), Channel: "api", Key: "api:" + key,
	})
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if repeated {
		status = http.StatusOK
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(status, a)
}
