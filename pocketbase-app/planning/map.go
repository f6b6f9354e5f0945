package planning

import (
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/citymap"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// mapPage is what /planung/umfragen/<slug>/karte/ shows.
type mapPage struct {
	page
	Values []optionGroup // what the map can show
	Map    *mapView
}

type mapView struct {
	figureView
	Drawing template.HTML
	Legend  []legendView
	Rows    []mapRow
	Outside []lineView // answers that are no Ortsbezirk
	Source  string
	Share   bool // values are per cents
}

type legendView struct {
	Class string // of the drawing
	Label string
}

type mapRow struct {
	Number int
	Name   string
	Base   string
	Value  string
}

// showMap is GET /planung/umfragen/<slug>/karte/?wert=key:code&wo=….
func (pl *Planning) showMap(e *core.RequestEvent) error {
	ctx, query := e.Request.Context(), e.Request.URL.Query()
	s, err := pl.study(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if s.district == nil {
		return base.ErrNotFound
	}
	c, ps := pl.conditions(s, query[where])
	value := query.Get("wert")
	key, code, _ := strings.Cut(value, ":")
	v := s.variable(key)
	if value != "" && (v == nil || v == s.district || !slices.ContainsFunc(pl.codes(v), func(o option) bool { return o.Value == code })) {
		ps.Add("wert", "unknown_option")
	}
	d := mapPage{}
	if d.page, err = pl.page(ctx, s, "karte", url.Values{"wert": {value}}, c); err != nil {
		return err
	}
	for _, v := range s.crossable() {
		if v == s.district {
			continue
		}
		g := optionGroup{Label: question(v)}
		for _, o := range pl.codes(v) {
			o.Value = v.Key + ":" + o.Value
			o.Chosen = o.Value == value
			g.Options = append(g.Options, o)
		}
		d.Values = append(d.Values, g)
	}
	status := http.StatusOK
	if len(ps) > 0 {
		status = http.StatusUnprocessableEntity
	} else if s.Total > 0 {
		questions := []disclosure.Question{{Row: s.district.Key, Where: c.without(s.district.Key)}}
		if v != nil {
			questions = crossed(s.district, v, c)
		}
		got, ready, err := pl.figures.of(ctx, s.surveyView, base.Staff(e).Id, questions)
		if err != nil {
			return err
		}
		if ready < len(got) {
			d.Counting = &counting{ready, len(got)}
		} else if len(got) > 0 {
			d.Map = pl.drawMap(s, v, code, got)
		}
	}
	return pl.p.Show(e, status, pages, "map", base.View{Title: pl.word("staff.planning.map.title", "survey", s.Title), Data: d, Problems: ps, Form: query})
}

// drawMap colours the districts: by how many answered, or by the share of them
// who gave an answer.
func (pl *Planning) drawMap(s study, v *tally.Variable, code string, got []*figure) *mapView {
	f := got[len(got)-1]
	out := &mapView{Source: citymap.Attribution, Share: v != nil}
	title := pl.word("staff.planning.map.answers")
	if v != nil {
		title = question(v) + ": " + v.Of.Label(code, "de")
		for _, o := range pl.codes(v) {
			if o.Value == code {
				title = question(v) + ": " + o.Label
			}
		}
	}
	out.figureView = pl.frame("karte", title, s, f)
	if f.err != nil {
		return out
	}
	rows, _ := sums(got)
	at := slices.IndexFunc(f.Columns, func(o disclosure.Option) bool { return o.Code == code })
	values, labels := map[string]float64{}, map[string]string{}
	type told struct{ base, value string }
	by := map[string]told{}
	for i, r := range f.Rows {
		n, text := f.N[i][0], ""
		d := districtOf(r.Code)
		if v != nil {
			if n = f.N[i][max(at, 0)]; rows[i] == disclosure.Hidden || rows[i] == 0 || at < 0 {
				n = disclosure.Hidden
			}
		}
		if n == disclosure.Hidden {
			text = none
		} else if text = number(n); v != nil {
			text = percent(n, rows[i])
		}
		if d == nil {
			out.Outside = append(out.Outside, lineView{label(r), []string{sum(rows[i]), text}})
			continue
		}
		by[d.Slug] = told{sum(rows[i]), text}
		if n == disclosure.Hidden {
			continue
		}
		if values[d.Slug] = float64(n); v != nil {
			values[d.Slug] = 100 * float64(n) / float64(rows[i])
		}
		labels[d.Slug] = text
	}
	for _, d := range districts {
		one, asked := by[d.Slug]
		if !asked {
			one = told{"", pl.word("staff.planning.map.not_offered")}
		}
		out.Rows = append(out.Rows, mapRow{d.Number, d.Name, one.base, one.value})
	}
	out.Legend = pl.legend(values, v != nil)
	out.Drawing = template.HTML(citymap.Drawing{
		ID: "karte-bild", Title: title, Desc: pl.word("staff.planning.map.desc", "n", len(values), "all", len(districts)),
		Values: values, Labels: labels, Say: func(d citymap.District, _ float64) string { return labels[d.Slug] },
	}.SVG())
	return out
}

// legend tells the values of each shade as [citymap.Shade] gives them out.
func (pl *Planning) legend(values map[string]float64, share bool) (list []legendView) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	unit := ""
	if share {
		unit = "\u00a0%"
	}
	write := func(f float64) string { return strconv.Itoa(int(math.Round(f))) }
	switch {
	case len(values) == 0:
	case !(most > least):
		list = append(list, legendView{"karte-wert-" + strconv.Itoa(citymap.Shade(least, least, most)), write(least) + unit})
	default:
		used := map[int][2]float64{}
		for _, v := range values {
			k := citymap.Shade(v, least, most)
			r, has := used[k]
			if !has {
				r = [2]float64{v, v}
			}
			used[k] = [2]float64{min(r[0], v), max(r[1], v)}
		}
		for k := 1; k <= citymap.Shades; k++ {
			r, has := used[k]
			if !has {
				continue // a shade that the map does not have
			}
			text := write(r[0])
			if write(r[1]) != text {
				text += " – " + write(r[1])
			}
			list = append(list, legendView{"karte-wert-" + strconv.Itoa(k), text + unit})
		}
	}
	if len(values) < len(districts) {
		list = append(list, legendView{"karte-leer", pl.word("staff.planning.map.none")})
	}
	return list
}
