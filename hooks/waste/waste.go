// Package waste reads the calendar of a waste collection that offers the insert-it
// interface, as the Stadtreiniger of Kassel do: streets, locations, and a year of
// pick-ups as iCalendar.
//
// It orders nothing and keeps nothing: [Client] asks, package main hands the
// answers to the matter that remembers them. It reads calendars tolerantly.
package waste

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/hooks"
)

// Client asks one collection.
type Client struct {
	// Address ends with the name of the calendar, e.g. …/BmsAbfallkalenderKassel. It is
	// asked for before every call, so that a change needs no restart.
	Address func() (string, error)
	HTTP    *http.Client     // nil: one that gives up after 15 s
	Clock   func() time.Time // nil: time.Now
}

const maxAnswer = 4 << 20

func (c *Client) get(ctx context.Context, page string, query url.Values, etag string) (body []byte, newETag string, err error) {
	address, err := c.Address()
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+"/Main/"+page+"?"+query.Encode(), nil)
	if err != nil {
		return nil, "", errors.New("the address in the settings is none")
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 15 * time.Second}
	}
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address holds a street
		}
		return nil, "", err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified && etag != "" {
		return nil, etag, hooks.ErrUnchanged
	}
	now := time.Now
	if c.Clock != nil {
		now = c.Clock
	}
	if err := hooks.Verdict(res, now()); err != nil {
		return nil, "", err
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	return body, res.Header.Get("ETag"), err
}

func (c *Client) list(ctx context.Context, page string, query url.Values) (list []struct {
	ID   int    `json:"ID"`
	Name string `json:"Name"`
	Text string `json:"Text"`
}, err error) {
	body, _, err := c.get(ctx, page, query, "")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, errors.New("the answer is no list of the kind that was expected")
	}
	return list, nil
}

// Streets are those whose name contains the text.
func (c *Client) Streets(ctx context.Context, text string) (streets []hooks.WasteStreet, err error) {
	list, err := c.list(ctx, "GetStreets", url.Values{"text": {text}})
	for _, s := range list {
		if s.ID > 0 && s.Name != "" {
			streets = append(streets, hooks.WasteStreet{ID: s.ID, Name: strings.TrimSpace(s.Name)})
		}
	}
	return streets, err
}

// Locations are those of a house number in a street.
func (c *Client) Locations(ctx context.Context, street int, houseNumber string) (locations []hooks.WasteLocation, err error) {
	list, err := c.list(ctx, "GetLocations", url.Values{"streetId": {strconv.Itoa(street)}, "houseNumber": {houseNumber}})
	for _, l := range list {
		if l.ID > 0 {
			locations = append(locations, hooks.WasteLocation{ID: l.ID, Text: strings.TrimSpace(cmp.Or(l.Text, l.Name))})
		}
	}
	return locations, err
}

// Pickups are those of a location in a year, sorted; with the ETag of the last
// answer ErrUnchanged when they are the same. A year that is not planned yet is empty.
func (c *Client) Pickups(ctx context.Context, location, year int, etag string) ([]hooks.Pickup, string, error) {
	// The page's name is misspelt at the partner.
	body, newETag, err := c.get(ctx, "Calender", url.Values{"bmsLocationId": {strconv.Itoa(location)}, "year": {strconv.Itoa(year)}}, etag)
	if err != nil {
		return nil, newETag, err
	}
	all, err := Parse(body, year)
	if err != nil {
		return nil, "", err
	}
	return slices.DeleteFunc(all, func(p hooks.Pickup) bool { return !strings.HasPrefix(p.Day, fmt.Sprint(year, "-")) }), newETag, nil
}

// Check asks for streets, for the button "test connection".
func (c *Client) Check(ctx context.Context) (string, error) {
	streets, err := c.Streets(ctx, "str")
	return fmt.Sprint(len(streets), " Straßen"), err
}

const mostPickups = 2000

// Parse reads the pick-ups of an iCalendar object, sorted and each once; those that
// repeat weekly or daily until the end of the year. A rule of another kind is an
// error: a date that is missing would be a bin that stands full.
func Parse(ics []byte, year int) ([]hooks.Pickup, error) {
	text := strings.ToValidUTF8(string(ics), "\uFFFD")
	text = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text)
	if !strings.Contains(text, "BEGIN:VCALENDAR") || !strings.Contains(text, "END:VCALENDAR") {
		return nil, errors.New("the answer is no calendar")
	}
	pickups := []hooks.Pickup{}
	var start time.Time
	summary, rule, inside := "", "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		head, value, _ := strings.Cut(line, ":")
		name, _, _ := strings.Cut(strings.ToUpper(head), ";")
		switch {
		case name == "BEGIN" && strings.EqualFold(value, "VEVENT"):
			inside, start, summary, rule = true, time.Time{}, "", ""
		case name == "END" && strings.EqualFold(value, "VEVENT"):
			inside = false
			fraction := Fraction(summary)
			if start.IsZero() || fraction == "" {
				continue
			}
			days, err := repeat(start, rule, year)
			if err != nil {
				return nil, err
			}
			for _, d := range days {
				pickups = append(pickups, hooks.Pickup{Day: d.Format(time.DateOnly), Fraction: fraction})
			}
			if len(pickups) > mostPickups {
				return nil, errors.New("the calendar has too many dates")
			}
		case !inside:
		case name == "DTSTART":
			start = day(value)
		case name == "SUMMARY":
			summary = unescape.Replace(value)
		case name == "RRULE":
			rule = strings.ToUpper(value)
		}
	}
	slices.SortFunc(pickups, func(a, b hooks.Pickup) int {
		return cmp.Or(strings.Compare(a.Day, b.Day), strings.Compare(a.Fraction, b.Fraction))
	})
	return slices.Compact(pickups), nil
}

var unescape = strings.NewReplacer(`\\`, `\`, `\,`, ",", `\;`, ";", `\n`, " ", `\N`, " ")

// day is the day in Berlin that DTSTART names.
func day(value string) time.Time {
	value = strings.TrimSpace(value)
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		y, m, d := t.In(content.Berlin).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	if len(value) >= 8 {
		if t, err := time.Parse("20060102", value[:8]); err == nil {
			return t
		}
	}
	return time.Time{}
}

func repeat(start time.Time, rule string, year int) ([]time.Time, error) {
	if rule == "" {
		return []time.Time{start}, nil
	}
	step, interval, until, count := 0, 1, time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC), 0
	for part := range strings.SplitSeq(rule, ";") {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		switch {
		case name == "FREQ" && value == "WEEKLY":
			step = 7
		case name == "FREQ" && value == "DAILY":
			step = 1
		case name == "INTERVAL" && err == nil && n > 0 && n < 1000:
			interval = n
		case name == "COUNT" && err == nil && n > 0:
			count = n
		case name == "UNTIL" && !day(value).IsZero():
			if end := day(value); end.Before(until) {
				until = end
			}
		case name == "WKST":
		case name == "BYDAY" && value == strings.ToUpper(start.Weekday().String()[:2]):
		default:
			return nil, errors.New("the calendar has a rule that is not understood")
		}
	}
	if step == 0 {
		return nil, errors.New("the calendar has a rule that is not understood")
	}
	var days []time.Time
	for d := start; !d.After(until) && (count == 0 || len(days) < count) && len(days) <= mostPickups; d = d.AddDate(0, 0, step*interval) {
		days = append(days, d)
	}
	return days, nil
}

// Fraction is what is collected, from a summary such as "Leerung: Restmüll (120 l)".
func Fraction(summary string) string {
	s := strings.Join(strings.Fields(summary), " ")
	if head, rest, ok := strings.Cut(s, ":"); ok && strings.EqualFold(strings.TrimSpace(head), "leerung") {
		s = rest
	}
	if i := strings.LastIndex(s, "("); i > 0 && strings.HasSuffix(s, ")") {
		s = s[:i]
	}
	s = strings.TrimSpace(s)
	for utf8.RuneCountInString(s) > 80 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
