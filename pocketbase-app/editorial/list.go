package editorial

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// perPage is how many documents a list shows at once.
const perPage = 100

func pocketTime(s string) time.Time {
	t, _ := types.ParseDateTime(s)
	return t.Time()
}

// listPage is what the list of one kind shows.
type listPage struct {
	Kind   *Kind
	States []string
	Rows   []docRow
	Total  int
	Back   string // address of the page before, "" on the first
	More   string // address of the next page, "" on the last
	May    permissions
}

func (d *Editorial) list(e *core.RequestEvent, k *Kind) error {
	q := e.Request.URL.Query()
	rows, err := d.documents(e.Request.Context(), k, "TRUE", -1)
	if err != nil {
		return err
	}
	state, search := q.Get("stand"), strings.ToLower(strings.TrimSpace(q.Get("suche")))
	states := []string{draft, published, "changed", withdrawn}
	hidden := map[string]bool{}
	if k.Name == "surveys" {
		states = append(states, "archived")
		if hidden, err = d.archivedSurveys(); err != nil {
			return err
		}
	}
	rows = slices.DeleteFunc(rows, func(r docRow) bool {
		if hidden[r.Slug] || state == "archived" {
			if state != "archived" || !hidden[r.Slug] {
				return true
			}
			return !strings.Contains(strings.ToLower(r.Title), search)
		}
		if state == "changed" && !r.Changed || state != "" && state != "changed" && r.State != state {
			return true
		}
		return !strings.Contains(strings.ToLower(r.Title), search)
	})
	page := listPage{Kind: k, States: states, Total: len(rows), May: may(e)}
	n, _ := strconv.Atoi(q.Get("seite"))
	n = max(n, 1)
	at := func(n int) string {
		return "/redaktion/" + k.Path + "/?" + url.Values{"stand": {state}, "suche": {q.Get("suche")}, "seite": {strconv.Itoa(n)}}.Encode()
	}
	if n > 1 {
		page.Back = at(n - 1)
	}
	if n*perPage < len(rows) {
		page.More = at(n + 1)
	}
	page.Rows = rows[min((n-1)*perPage, len(rows)):min(n*perPage, len(rows))]
	return d.p.Show(e, http.StatusOK, templates, "list", base.View{
		Title: d.word("staff.kind." + k.Name), Data: page, Form: url.Values{"stand": {state}, "suche": {q.Get("suche")}},
	})
}

// archivedSurveys are the slugs of surveys that lists leave out.
func (d *Editorial) archivedSurveys() (map[string]bool, error) {
	var slugs []string
	err := d.p.App.DB().NewQuery(`SELECT survey FROM survey_archive`).Column(&slugs)
	hidden := map[string]bool{}
	for _, s := range slugs {
		hidden[s] = true
	}
	return hidden, err
}
