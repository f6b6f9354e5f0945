package tours

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func (t *Tours) simulated() bool { return t.Mode() == "simulated" }

type tourView struct {
	hooks.Tour
	From     string // cheapest price
	TextLang string // lang attribute when the texts are in another language
}

func view(tour hooks.Tour, lang string) tourView {
	v := tourView{Tour: tour}
	if tour.Lang != lang && !(lang == "ls" && tour.Lang == "de") {
		v.TextLang = tour.Lang
	}
	var least hooks.Money
	for _, u := range tour.Units {
		if m := u.Price; m.Known() && m.Amount > 0 && (!least.Known() || m.Amount < least.Amount) {
			least = m
		}
	}
	if least.Known() {
		v.From = least.Text(lang)
	}
	return v
}

func (t *Tours) showTours(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	list, at, err := t.all(e.Request.Context(), lang)
	data := struct {
		Tours     []tourView
		Simulated bool
		Notice    string
		Old       string // age of what is shown, when the partner does not answer
	}{Simulated: t.simulated()}
	status := http.StatusOK
	if err != nil {
		data.Notice, status = "error.tours_down.text", http.StatusServiceUnavailable
		if t.down(err) == errOff {
			data.Notice, status = "error.tours_off.text", http.StatusOK
		}
	} else if t.p.Now().Sub(at) > 2*tourLife {
		data.Old = content.DayInWords(at, lang) + ", " + content.ClockInWords(at, lang)
	}
	for _, tour := range list {
		data.Tours = append(data.Tours, view(tour, lang))
	}
	if status == http.StatusServiceUnavailable {
		e.Response.Header().Set("Retry-After", "60")
	}
	return t.p.Show(e, status, templates, "list", base.View{Title: t.p.Words.In(lang, "tours.title"), Data: data})
}

type departureView struct {
	ID, Clock string
	Free      int
	Open      bool
}

type dayView struct {
	Day        string
	Departures []departureView
}

type tourPage struct {
	Tour      tourView
	Days      []dayView
	Simulated bool
	Notice    string
	Prices    []priceView
}

type priceView struct{ Title, Price string }

func (t *Tours) showTour(e *core.RequestEvent) error { return t.tourPage(e, http.StatusOK, "") }

func (t *Tours) tourPage(e *core.RequestEvent, status int, notice string) error {
	lang := base.Lang(e.Request)
	tour, err := t.one(e.Request.Context(), e.Request.PathValue("tour"), lang)
	if err != nil {
		return err
	}
	list, err := t.departures(e.Request.Context(), tour)
	if err != nil {
		return err
	}
	page := tourPage{Tour: view(tour, lang), Simulated: t.simulated(), Notice: notice}
	for _, u := range tour.Units {
		if u.Price.Known() {
			page.Prices = append(page.Prices, priceView{u.Title, t.price(u.Price, lang)})
		}
	}
	for _, d := range list {
		day := content.DayInWords(d.Start, lang)
		if n := len(page.Days); n == 0 || page.Days[n-1].Day != day {
			if n == 20 {
				break
			}
			page.Days = append(page.Days, dayView{Day: day})
		}
		last := &page.Days[len(page.Days)-1]
		last.Departures = append(last.Departures, departureView{ID: d.ID, Clock: content.ClockInWords(d.Start, lang), Free: d.Free, Open: d.Available && d.Free != 0})
	}
	return t.p.Show(e, status, templates, "tour", base.View{Title: tour.Title, Data: page})
}

func (t *Tours) price(m hooks.Money, lang string) string {
	if m.Amount == 0 {
		return t.p.Words.In(lang, "tours.free_of_charge")
	}
	return m.Text(lang)
}

type unitView struct {
	Field, Title, Price string
}

type unitsPage struct {
	Tour      tourView
	When      string
	Departure string
	Free      int
	Key       string
	Units     []unitView
	Simulated bool
	Most      int
	Action    string
}

const mostUnits = 20

// chosen finds tour and departure of a request.
func (t *Tours) chosen(ctx context.Context, id, departure, lang string) (hooks.Tour, hooks.Departure, error) {
	tour, err := t.one(ctx, id, lang)
	if err != nil {
		return tour, hooks.Departure{}, err
	}
	list, err := t.departures(ctx, tour)
	if err != nil {
		return tour, hooks.Departure{}, err
	}
	for _, d := range list {
		if d.ID == departure && d.Available && d.Free != 0 {
			return tour, d, nil
		}
	}
	return tour, hooks.Departure{}, errNoDeparture
}

var errNoDeparture = base.Refuse(http.StatusConflict, "tour_departure_gone")

func most(tour hooks.Tour, d hooks.Departure) int {
	n := mostUnits
	if tour.Most > 0 {
		n = min(n, tour.Most)
	}
	if d.Free > 0 {
		n = min(n, d.Free)
	}
	return n
}

func (t *Tours) unitsPage(e *core.RequestEvent, status int, tour hooks.Tour, d hooks.Departure, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	page := unitsPage{Tour: view(tour, lang), When: content.DayInWords(d.Start, lang) + ", " + content.ClockInWords(d.Start, lang), Departure: d.ID, Free: d.Free,
		Key: form.Get("key"), Simulated: t.simulated(), Most: most(tour, d), Action: base.Prefix(lang) + "/fuehrungen/" + url.PathEscape(tour.ID) + "/buchen/"}
	if !isKey(page.Key) {
		page.Key = base.NewToken()
	}
	for i, u := range tour.Units {
		price := u.Price
		if m, ok := d.Prices[u.ID]; ok {
			price = m
		}
		title := u.Title
		if price.Known() && !tour.PerOrder {
			title += " (" + t.price(price, lang) + ")"
		}
		page.Units = append(page.Units, unitView{Field: "anzahl_" + strconv.Itoa(i), Title: title})
	}
	return t.p.Show(e, status, templates, "units", base.View{Title: tour.Title, Data: page, Form: form, Problems: problems})
}

func isKey(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

func (t *Tours) showUnits(e *core.RequestEvent) error {
	tour, d, err := t.chosen(e.Request.Context(), e.Request.PathValue("tour"), e.Request.URL.Query().Get("termin"), base.Lang(e.Request))
	if err == errNoDeparture {
		return t.tourPage(e, http.StatusConflict, "error.tour_departure_gone.text")
	}
	if err != nil {
		return err
	}
	return t.unitsPage(e, http.StatusOK, tour, d, url.Values{}, nil)
}

func (t *Tours) sendUnits(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	tour, d, err := t.chosen(e.Request.Context(), e.Request.PathValue("tour"), form.Get("termin"), lang)
	if err == errNoDeparture {
		return t.tourPage(e, http.StatusConflict, "error.tour_departure_gone.text")
	}
	if err != nil {
		return err
	}
	if !isKey(form.Get("key")) {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	units, problems := readUnits(tour, d, form)
	if len(problems) > 0 {
		return t.unitsPage(e, http.StatusUnprocessableEntity, tour, d, form, problems)
	}
	list, err := json.Marshal(units)
	if err != nil {
		return err
	}
	b := Booking{Tour: tour.ID, Title: tour.Title, Departure: d.ID, Starts: d.Start.UnixMilli(), Ends: d.End.UnixMilli(), Place: tour.Place, Units: string(list),
		Simulated: t.simulated(), Language: lang, CancelUntil: d.Start.Add(-tour.CancelUntil).UnixMilli()}
	if d.End.IsZero() {
		b.Ends = b.Starts
	}
	reference, err := t.start(b, tour.Option, form.Get("key"))
	var refusal *base.Error
	if errors.As(err, &refusal) && refusal.Code == "key_reused" { // sent once, then changed and sent again
		form.Del("key")
		return t.sendAgain(e, tour, d, form)
	}
	if err != nil {
		return err
	}
	t.times.forget(t.Mode() + tour.ID)
	return t.goOn(e, reference, Holding)
}

// sendAgain asks once more, with another key, for what was changed after it was sent.
func (t *Tours) sendAgain(e *core.RequestEvent, tour hooks.Tour, d hooks.Departure, form url.Values) error {
	problems := content.Problems{}
	problems.Add("anzahl_0", "tour_changed")
	return t.unitsPage(e, http.StatusConflict, tour, d, form, problems)
}

func readUnits(tour hooks.Tour, d hooks.Departure, form url.Values) (units []counted, problems content.Problems) {
	sum := 0
	for i, u := range tour.Units {
		field := "anzahl_" + strconv.Itoa(i)
		text := strings.TrimSpace(form.Get(field))
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			problems.Add(field, "not_integer")
		case n < 0:
			problems.Add(field, "too_small", "min", 0)
		case n > mostUnits:
			problems.Add(field, "too_large", "max", most(tour, d))
		case n > 0:
			sum += n
			units = append(units, counted{u.ID, u.Title, n})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	switch least := max(tour.Least, 1); {
	case sum < least:
		problems.Add("anzahl_0", "tour_too_few", "min", least)
	case sum > most(tour, d):
		problems.Add("anzahl_0", "tour_too_many", "max", most(tour, d))
	}
	return units, problems
}

// goOn waits a little for the partner's answer and then shows the booking, whatever
// its state.
func (t *Tours) goOn(e *core.RequestEvent, reference, from string) error {
	patience := time.NewTimer(t.Patience)
	defer patience.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for waiting := true; waiting; {
		b, err := find(t.p.App.DB(), "reference = {:r}", dbx.Params{"r": reference})
		if err != nil {
			return err
		}
		if b.State != from {
			break
		}
		select {
		case <-look.C:
		case <-patience.C:
			waiting = false
		case <-e.Request.Context().Done():
			waiting = false
		}
	}
	t.setTicket(e, reference)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/fuehrungen/buchung/")
}

// The ticket is a cookie that lets this browser see one booking for a while, so
// that its number stands in no address.
const (
	ticketName = "fuehrung"
	ticketLife = time.Hour
)

func (t *Tours) mac(s string) string {
	mac := hmac.New(sha256.New, t.p.Key("tour tickets"))
	mac.Write([]byte(s))
	return hex.EncodeToString(mac.Sum(nil))
}

func (t *Tours) setTicket(e *core.RequestEvent, reference string) {
	value := reference + "." + strconv.FormatInt(t.p.Now().Add(ticketLife).Unix(), 10)
	e.SetCookie(&http.Cookie{Name: ticketName, Value: value + "." + t.mac(value), Path: "/", MaxAge: int(ticketLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(t.p.Origin, "https:")})
}

func (t *Tours) ticket(e *core.RequestEvent) (Booking, error) {
	cookie, err := e.Request.Cookie(ticketName)
	if err != nil {
		return Booking{}, base.ErrNotFound
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(t.mac(parts[0]+"."+parts[1]))) {
		return Booking{}, base.ErrNotFound
	}
	if until, err := strconv.ParseInt(parts[1], 10, 64); err != nil || t.p.Now().Unix() >= until {
		return Booking{}, base.ErrNotFound
	}
	return find(t.p.App.DB(), "reference = {:r}", dbx.Params{"r": parts[0]})
}

// enter opens a booking by the link of its mail.
func (t *Tours) enter(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	token := e.Request.PathValue("token")
	if len(token) != 32 {
		return base.ErrNotFound
	}
	b, err := find(t.p.App.DB(), "secret_hash = {:h}", dbx.Params{"h": secretHash(strings.ToLower(token))})
	if err != nil {
		return err
	}
	t.setTicket(e, b.Reference)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/fuehrungen/buchung/")
}

type voucherView struct {
	Code, Link string
	QR         template.HTML
}

type bookingPage struct {
	Booking
	State     string // as it is now
	When      string
	Units     []counted
	Total     string
	Until     string // clock time of the end of the hold
	Minutes   int
	Vouchers  []voucherView
	CanCancel bool
	Slow      bool // the partner has not answered for a while
	CancelBy  string
}

func (t *Tours) bookingPage(e *core.RequestEvent, status int, template string, b Booking, form url.Values, problems content.Problems) error {
	lang, now := base.Lang(e.Request), t.p.Now()
	page := bookingPage{Booking: b, State: b.stateAt(now), When: t.when(b, lang), Units: b.units(), Slow: now.UnixMilli()-b.Updated > 20_000}
	if total := b.total(); total.Known() {
		page.Total = t.price(total, lang)
	}
	if page.State == Held {
		end := time.UnixMilli(b.Expires)
		page.Until, page.Minutes = content.ClockInWords(end, lang), max(int(end.Sub(now).Minutes()), 1)
	}
	if page.State == Confirmed {
		page.CanCancel = b.CancelUntil == 0 || now.UnixMilli() < b.CancelUntil
		by := time.UnixMilli(b.CancelUntil)
		page.CancelBy = content.DayInWords(by, lang) + ", " + content.ClockInWords(by, lang)
		for _, v := range b.vouchers() {
			one := voucherView{Code: v.Value}
			switch {
			case strings.HasSuffix(v.Format, "_URL"):
				one = voucherView{Link: v.Value}
			case v.Format == "QRCODE":
				var err error
				if one.QR, err = base.QR(v.Value, ""); err != nil {
					one.QR = "" // too long for a code: the letters serve
				}
			}
			page.Vouchers = append(page.Vouchers, one)
		}
	}
	return t.p.Show(e, status, templates, template, base.View{Title: t.p.Words.In(lang, "tours.state."+page.State), Data: page, Form: form, Problems: problems})
}

// mine is the booking of the ticket; without one the visitor starts at the list.
func (t *Tours) mine(e *core.RequestEvent, then func(b Booking) error) error {
	b, err := t.ticket(e)
	if err == base.ErrNotFound {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/fuehrungen/")
	}
	if err != nil {
		return err
	}
	return then(b)
}

func (t *Tours) showBooking(e *core.RequestEvent) error {
	return t.mine(e, func(b Booking) error { return t.bookingPage(e, http.StatusOK, "booking", b, nil, nil) })
}

func (t *Tours) sendContact(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	return t.mine(e, func(b Booking) error {
		name, email, phone, problems := readContact(form)
		if b.stateAt(t.p.Now()) != Held {
			return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/fuehrungen/buchung/")
		}
		if len(problems) > 0 {
			return t.bookingPage(e, http.StatusUnprocessableEntity, "booking", b, form, problems)
		}
		err := t.confirm(b.Reference, name, email, phone, base.Lang(e.Request))
		if err != nil && !errors.Is(err, errGone) {
			return err
		}
		return t.goOn(e, b.Reference, Confirming)
	})
}

var (
	emailPattern = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)
	phonePattern = regexp.MustCompile(`^\+?[0-9 ()/-]{5,30}$`)
)

func readContact(form url.Values) (name, email, phone string, problems content.Problems) {
	name, email, phone = strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("email")), strings.TrimSpace(form.Get("phone"))
	switch {
	case name == "":
		problems.Add("name", "required")
	case utf8.RuneCountInString(name) > 120:
		problems.Add("name", "too_long", "max", 120)
	case strings.ContainsFunc(name, unicode.IsControl) || !content.IsName(name):
		problems.Add("name", "not_text")
	}
	switch {
	case email == "":
		problems.Add("email", "required")
	case len(email) > 254:
		problems.Add("email", "too_long", "max", 254)
	case !emailPattern.MatchString(email) || strings.Contains(email, "..") || email[0] == '.' || strings.Contains(email, ".@"):
		problems.Add("email", "not_email")
	}
	if phone != "" && !phonePattern.MatchString(phone) {
		problems.Add("phone", "not_phone")
	}
	return name, email, phone, problems
}

func (t *Tours) askCancel(e *core.RequestEvent) error {
	return t.mine(e, func(b Booking) error { return t.bookingPage(e, http.StatusOK, "cancel", b, nil, nil) })
}

func (t *Tours) sendCancel(e *core.RequestEvent) error {
	return t.mine(e, func(b Booking) error {
		if err := t.cancel(b.Reference); err != nil && !errors.Is(err, errGone) {
			return err
		}
		return t.goOn(e, b.Reference, Cancelling)
	})
}
