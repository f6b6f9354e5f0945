// Package simulate is a waste collection with the insert-it interface whose bins
// and dates are made up. It knows nothing of the client, only HTTP.
package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Collection is the simulator; use [New].
type Collection struct {
	Clock func() time.Time // time.Now
	// Shift moves all dates by days, as a collection does that changes its plan.
	Shift atomic.Int64

	mux   *http.ServeMux
	asked atomic.Int64
}

// Streets of a city that looks like Kassel.
var Streets = []string{"Friedrichsplatz", "Friedrich-Ebert-Straße", "Goethestraße", "Holländische Straße", "Königsstraße", "Leipziger Straße", "Untere Königsstraße", "Wilhelmshöher Allee", "Wolfsanger Straße"}

// New makes the simulator.
func New() *Collection {
	c := &Collection{mux: http.NewServeMux()}
	for _, prefix := range []string{"", "/BmsAbfallkalenderKassel"} {
		c.mux.HandleFunc("GET "+prefix+"/Main/GetStreets", c.streets)
		c.mux.HandleFunc("GET "+prefix+"/Main/GetLocations", c.locations)
		c.mux.HandleFunc("GET "+prefix+"/Main/Calender", c.calendar)
	}
	return c
}

// ServeHTTP answers a request.
func (c *Collection) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Calendars is how many were asked for.
func (c *Collection) Calendars() int64 { return c.asked.Load() }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v)
}

func (c *Collection) streets(w http.ResponseWriter, r *http.Request) {
	text, list := strings.ToLower(r.URL.Query().Get("text")), []any{}
	for i, name := range Streets {
		if strings.Contains(strings.ToLower(name), text) {
			list = append(list, map[string]any{"ID": i + 1, "Name": name})
		}
	}
	answer(w, list)
}

func (c *Collection) locations(w http.ResponseWriter, r *http.Request) {
	street, err := strconv.Atoi(r.URL.Query().Get("streetId"))
	number := strings.TrimSpace(r.URL.Query().Get("houseNumber"))
	digits := strings.TrimRight(number, "abcdefgABCDEFG ")
	n, bad := strconv.Atoi(digits)
	list := []any{}
	if err == nil && bad == nil && street >= 1 && street <= len(Streets) && n >= 1 && n <= 200 {
		one := func(id int, suffix string) map[string]any {
			return map[string]any{"ID": id, "StreetId": street, "Text": fmt.Sprint(Streets[street-1], " ", number, suffix)}
		}
		list = append(list, one(street*1000+n, ""))
		if n == 13 { // a house with two yards
			list[0] = one(street*1000+n, " Vorderhaus")
			list = append(list, one(street*1000+n+500, " Hinterhaus"))
		}
	}
	answer(w, list)
}

func (c *Collection) calendar(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	id, err := strconv.Atoi(r.URL.Query().Get("bmsLocationId"))
	year, err2 := strconv.Atoi(r.URL.Query().Get("year"))
	if err != nil || err2 != nil || year < 2000 || year > 2100 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	now := time.Now()
	if c.Clock != nil {
		now = c.Clock()
	}
	// The next year is planned in December.
	planned := year <= now.Year() || year == now.Year()+1 && now.Month() == time.December
	etag := fmt.Sprintf(`"%d-%d-%d-%t"`, id, year, c.Shift.Load(), planned)
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Simulation//DE\r\n")
	if planned && id >= 1000 && id < (len(Streets)+1)*1000 {
		for i, bin := range []struct {
			name        string
			first, days int
		}{{"Restmüll (120 l)", 4, 14}, {"Biomüll (80 l)", 5, 7}, {"Papier (240 l)", 8, 28}, {"Gelbe Tonne (240 l)", 11, 14}} {
			first := time.Date(year, 1, bin.first+id%5+int(c.Shift.Load()), 0, 0, 0, 0, time.UTC)
			for d := first; d.Year() == year; d = d.AddDate(0, 0, bin.days) {
				fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%d-%d-%s\r\nDTSTAMP:%s\r\nDTSTART;VALUE=DATE:%s\r\nSUMMARY:Leerung: %s\r\nEND:VEVENT\r\n",
					id, i, d.Format("20060102"), now.UTC().Format("20060102T150405Z"), d.Format("20060102"), bin.name)
			}
		}
	}
	b.WriteString("END:VCALENDAR\r\n")
	w.Write([]byte(b.String()))
}
