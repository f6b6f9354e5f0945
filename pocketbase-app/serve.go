package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/demo"
	"servicepoint/exports"
	"servicepoint/hooks"
	"servicepoint/hooks/desk"
	"servicepoint/hooks/webhook"
	"servicepoint/pocketbase-app/access"
	"servicepoint/pocketbase-app/appointments"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"
	"servicepoint/pocketbase-app/booking"
	"servicepoint/pocketbase-app/cases"
	"servicepoint/pocketbase-app/editorial"
	"servicepoint/pocketbase-app/ideas"
	"servicepoint/pocketbase-app/jobs"
	"servicepoint/pocketbase-app/live"
	_ "servicepoint/pocketbase-app/migrations"
	"servicepoint/pocketbase-app/orders"
	"servicepoint/pocketbase-app/participation"
	"servicepoint/pocketbase-app/planning"
	"servicepoint/pocketbase-app/providers"
	"servicepoint/pocketbase-app/results"
	"servicepoint/pocketbase-app/tours"
	"servicepoint/pocketbase-app/waste"
	"servicepoint/site"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

func serveCommand(pb *pocketbase.PocketBase) *cobra.Command {
	isDemo, answers := false, 0
	c := cmd.NewServeCommand(pb, false)
	c.Flags().BoolVar(&isDemo, "demo", false, "fill an empty database with real Kassel content and print demo log-ins;\nthe loopback address passes the rate limits")
	c.Flags().IntVar(&answers, "demo-answers", 600, "with --demo: how many invented answers its survey has when it has none")
	pb.OnServe().BindFunc(func(se *core.ServeEvent) error {
		s, err := newServer(se, isDemo)
		if err != nil {
			return err
		}
		s.invented = max(answers, 0)
		if err := s.prepare(); err != nil {
			return err
		}
		s.bind(se)
		s.start()
		se.InstallerFunc = nil // superusers are made on the command line
		if err := se.Next(); err != nil {
			return err
		}
		s.banner(os.Stdout)
		return nil
	})
	return c
}

// words are the words of every matter that shows pages.
func words() (content.Words, error) {
	return content.LoadWords([]fs.FS{
		base.OwnWords, gate.Words, access.Words, appointments.Words, booking.Words, cases.Words, editorial.Words, ideas.Words, live.Words, orders.Words, participation.Words, planning.Words, providers.Words, results.Words, tours.Words, waste.Words,
	}...)
}

// server holds every concrete thing that runs.
type server struct {
	p             *base.Platform
	builder       *site.Builder
	static        *site.Handler
	gate          *gate.Gate
	access        *access.Access
	editorial     *editorial.Editorial
	participation *participation.Participation
	appointments  *appointments.Service
	booking       *booking.Service
	cases         *cases.Cases
	ideas         *ideas.Ideas
	live          *live.Live
	orders        *orders.Orders
	partners      *partners
	tours         *tours.Tours
	waste         *waste.Waste
	planning      *planning.Planning
	reports       *planning.Reports
	results       *results.Results
	jobs          *jobs.Scheduler
	feed          warehouse

	invented int // answers that a demo starts with

	mailDir string // where mails become files; empty with an SMTP server
	address string
	logins  []access.Login

	background []func(context.Context) error // what else runs until the end
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// newServer makes all parts and ties them together; nothing runs yet.
func newServer(se *core.ServeEvent, isDemo bool) (*server, error) {
	w, err := words()
	if err != nil {
		return nil, err
	}
	p, err := base.NewPlatform(se.App, w)
	if err != nil {
		return nil, err
	}
	base.KeepOutOfBackups(se.App, "exports", "mail", base.LockFile) // workbooks and letters hold what is kept for a while only
	se.App.OnBackupCreate().BindFunc(func(e *core.BackupEvent) error {
		// A backup cannot hold its symbolic link; a restore takes the site away and the start makes it anew.
		e.Exclude = append(e.Exclude, "site")
		return e.Next()
	})
	s := &server{p: p, address: origin(se)}
	p.Demo = isDemo
	p.Origin = s.address
	if o := strings.TrimRight(os.Getenv("SERVICEPOINT_ORIGIN"), "/"); o != "" {
		p.Origin = o
	}

	dir := se.App.DataDir()
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.builder = &site.Builder{Dir: filepath.Join(dir, "site"), Binary: exe, Keep: 5}
	s.static = site.NewHandler(filepath.Join(dir, "site"))
	p.Shell = s.static.Shell

	s.gate = gate.New(p)
	s.access = access.New(p)
	s.participation = participation.New(p)
	s.appointments = appointments.New(p)
	s.booking = booking.New(p)
	s.booking.Survey, s.booking.Pass = s.participation.Attended, s.participation.AttendedPath
	s.cases = cases.New(p)
	s.editorial = editorial.New(p, s.builder)
	s.editorial.Runs = func(ctx context.Context) (past, next []base.Run, err error) {
		past, err = s.jobs.History(ctx, 20)
		return past, s.jobs.Next(), err
	}
	s.editorial.Answers, s.editorial.Waiting = s.participation.AnswersByVersion, s.participation.AnswersWaiting
	s.editorial.Render, s.editorial.Press = s.participation.RenderPage, s.participation.PressButton
	s.editorial.Brought, s.editorial.Review = s.participation.Brought, s.participation.RenderReview
	s.editorial.Follow = map[string]func(core.App, json.RawMessage) error{
		"events": func(tx core.App, doc json.RawMessage) error {
			var ev content.Event
			if err := json.Unmarshal(doc, &ev); err != nil {
				return err
			}
			return s.booking.PublishEvent(tx, ev)
		},
	}

	s.editorial.Reached = booking.Reached

	s.live = live.New(p)
	s.ideas = ideas.New(p)
	s.ideas.Rebuild, s.ideas.Wake = s.editorial.Request, s.editorial.Wake
	s.results = results.New(p, func(ctx context.Context, slug string) (results.Snapshot, error) {
		return s.participation.Snapshot(ctx, slug)
	})
	s.results.Files = func(ctx context.Context, r content.Results) (map[string][]byte, error) {
		return exports.OpenData(ctx, r, "servicepoint "+version)
	}
	s.results.Rebuild, s.results.Wake = s.editorial.Request, s.editorial.Wake
	s.editorial.Also = append(s.editorial.Also, ideas.Publish, results.Publish)

	if s.partners, err = s.newPartners(); err != nil {
		return nil, err
	}
	mailer, err := s.mailer()
	if err != nil {
		return nil, err
	}
	mailer.Make = s.booking.MakeFile
	s.booking.Organiser, s.appointments.Organiser = mailer.From.Address, mailer.From.Address
	s.appointments.Calendars = map[string]appointments.Foreign{"zms": {Calendar: s.partners.zms, Mode: func() string { return s.partners.settings.Mode("zms") }}}
	s.tours, s.waste = s.newTours(mailer.From.Address), s.newWaste()
	texters, err := s.texter()
	if err != nil {
		return nil, err
	}
	s.appointments.SMS = len(texters) > 0
	private := os.Getenv("SERVICEPOINT_WEBHOOK_PRIVATE") == "1" // systems in the city's own network may be told
	s.orders = orders.New(p,
		// The providers. A new one costs its own folder and one line here.
		append([]hooks.Provider{
			desk.Provider{Inbox: orders.NewInbox(p)},
			mailer,
			s.partners.octo, s.partners.zms,
			webhook.Provider{Endpoint: s.webhookEndpoint, Logged: s.webhookTried, Client: webhook.Client(private)},
		}, texters...),
		map[string]orders.Settler{
			"booking": s.booking,
			"case":    s.cases,

			tours.OrderKind: s.tours,

			appointments.CityKind: s.appointments,
		})
	s.orders.CheckURL = func(address string) error { return webhook.CheckURL(address, private) }

	s.orders.Dispatcher.LimitOf = s.partners.settings.Limit

	s.planning, err = planning.New(p, planning.Options{
		Dir:    filepath.Join(dir, "exports"),
		Counts: s.counts,
		Ask:    s.results.AskAll,
		Texts: func(ctx context.Context, slug string) (map[string][]string, error) {
			list, err := results.ReleasedTexts(ctx, p.App.DB(), slug)
			texts := map[string][]string{}
			for _, one := range list {
				texts[one.Key] = append(texts[one.Key], one.Text)
			}
			return texts, err
		},
		HasResults: func(ctx context.Context, slug string) (bool, error) { return results.HasPage(ctx, p.App.DB(), slug) },
		Write:      s.writePackage, Formats: exportFormats(),
	})
	if err != nil {
		return nil, err
	}

	if s.feed, err = feedFromEnvironment(); err != nil {
		return nil, err
	}
	s.reports = planning.NewReports(p, s.reportList(), s.writeReport)
	s.participation.Cleared = s.planning.Cleared

	if s.jobs, err = jobs.New(p, s.schedule()); err != nil {
		return nil, err
	}
	return s, nil
}

// schedule lists the jobs; times are Berlin wall-clock times.
func (s *server) schedule() []jobs.Job {
	return []jobs.Job{
		{Name: "database", Spec: "20 0 * * *", Run: s.tendDatabase},
		{Name: "feed", Spec: "40 1 * * *", CatchUp: true, Lease: time.Hour, Run: s.runFeed},
		{Name: "exports", Spec: "30 2 * * *", CatchUp: true, Lease: time.Hour, Run: s.planning.RunSchedules},
		{Name: "site", Spec: "10 3 * * *", CatchUp: true, Run: func(ctx context.Context) (string, error) {
			r, err := s.editorial.BuildNow(ctx)
			return s.word("staff.jobs.did.site", "n", r.Pages), err
		}},
		{Name: "audit", Spec: "0 4 * * *", CatchUp: true, Run: func(ctx context.Context) (string, error) {
			return "", errors.Join(s.booking.Audit(ctx), s.appointments.Audit(ctx))
		}},
		{Name: "retention", Spec: "30 4 * * *", CatchUp: true, Run: s.sweep},
		{Name: "holds", Spec: "*/5 * * * *", Run: func(ctx context.Context) (string, error) {
			n, err := s.booking.ExpireHolds(ctx)
			return s.word("staff.jobs.did.holds", "n", n), errors.Join(err, s.appointments.Expire(ctx))
		}},
		{Name: "reminders", Spec: "*/15 * * * *", Run: func(ctx context.Context) (string, error) {
			n, err := s.booking.Remind(ctx)
			if n == 0 || err != nil {
				return "", err
			}
			return s.word("staff.jobs.did.reminders", "n", n), nil
		}},
		{Name: "questionnaires", Spec: "15 10 * * *", CatchUp: true, Run: func(ctx context.Context) (string, error) {
			n, err := s.booking.Ask(ctx)
			if n == 0 || err != nil {
				return "", err
			}
			return s.word("staff.jobs.did.questionnaires", "n", n), nil
		}},
		{Name: "waste", Spec: "0 18 * * *", CatchUp: true, Lease: time.Hour, Run: func(ctx context.Context) (string, error) {
			n, err := s.waste.Remind(ctx)
			return s.word("staff.jobs.did.waste_mails", "n", n), err
		}},
		{Name: "appointments", Spec: "0 10 * * *", CatchUp: true, Run: func(ctx context.Context) (string, error) {
			n, err := s.appointments.Remind(ctx)
			return s.word("staff.jobs.did.appointments_told", "n", n), err
		}},
		{Name: "announcements", Spec: "*/5 * * * *", Run: func(ctx context.Context) (string, error) {
			n, err := s.participation.AnnounceClosed(ctx)
			if n == 0 || err != nil {
				return "", err
			}
			return s.word("staff.jobs.did.announcements", "n", n), nil
		}},
		{Name: "urn", Spec: "*/10 * * * *", Run: func(ctx context.Context) (string, error) {
			n, err := s.participation.EmptyUrn(ctx)
			if n == 0 || err != nil {
				return "", err
			}
			return s.word("staff.jobs.did.urn", "n", n), nil
		}},
	}
}

// sweep erases everything that has had its time; each part in small steps.
func (s *server) sweep(ctx context.Context) (string, error) {
	var done []string
	var errs []error
	count := func(what string, n int64, err error) {
		if n > 0 {
			done = append(done, s.word("staff.jobs.did."+what, "n", n))
		}
		errs = append(errs, err)
	}
	n, err := s.access.Sweep(ctx)
	count("sessions", n, err)
	n, err = s.participation.Sweep(ctx)
	count("drafts", n, err)
	n, err = s.editorial.SweepPictures(ctx)
	count("pictures", n, err)
	n, err = s.gate.Sweep(ctx)
	count("passes", n, err)
	k, err := s.booking.Forget(ctx)
	count("bookings", int64(k), err)
	k, err = s.appointments.Forget(ctx)
	count("appointments", int64(k), err)
	k, err = s.cases.Forget(ctx)
	count("cases", int64(k), err)
	k, err = s.tours.Forget(ctx)
	count("tours", int64(k), err)
	k, err = s.waste.Sweep(ctx)
	count("waste", int64(k), err)
	k, err = s.ideas.Forget(ctx)
	count("ideas", int64(k), err)
	errs = append(errs, s.orders.Sweep(ctx, s.p.Now()), s.partners.settings.Sweep(ctx))
	note, err := s.planning.Sweep(ctx)
	done, errs = append(done, note), append(errs, err)
	note, err = s.jobs.Sweep(ctx, 90)
	done, errs = append(done, note), append(errs, err)
	return strings.Join(slices.DeleteFunc(done, func(s string) bool { return s == "" }), ", "), errors.Join(errs...)
}

// word gives the words that the history of jobs shows to staff.
func (s *server) word(key string, args ...any) string {
	return s.p.Words.In(content.German, key, args...)
}

// tendDatabase replaces PocketBase's nightly job: its wal_checkpoint(TRUNCATE)
// stalls all writers while a reader holds the log; PASSIVE does not.
func (s *server) tendDatabase(context.Context) (string, error) {
	app := s.p.App
	var errs []error
	for _, q := range []string{"PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA optimize"} {
		_, err := app.NonconcurrentDB().NewQuery(q).Execute()
		errs = append(errs, err)
		_, err = app.AuxNonconcurrentDB().NewQuery(q).Execute()
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// prepare seeds a demo and makes sure that there is a site to show.
func (s *server) prepare() error {
	app := s.p.App
	app.Cron().Remove("__pbDBOptimize__")
	ctx := context.Background()
	if s.p.Demo {
		if err := s.seed(ctx); err != nil {
			return fmt.Errorf("demo content: %w", err)
		}
		// Load tools run on this machine: no limits for the loopback address.
		exempt := func() { app.Settings().RateLimits.ExcludedIPs = []string{"127.0.0.1", "::1"} }
		exempt()
		app.OnSettingsReload().BindFunc(func(e *core.SettingsReloadEvent) error {
			err := e.Next()
			exempt()
			return err
		})
	}
	if _, err := s.builder.Current(); err != nil {
		fmt.Println("Building the site …")
		if _, err := s.editorial.BuildNow(ctx); err != nil {
			// The server must start: editors mend what broke, on its pages.
			fmt.Fprintln(os.Stderr, "The site could not be built:", err)
		}
	}
	return nil
}

func (s *server) seed(ctx context.Context) error {
	empty, err := editorial.Empty(s.p.App)
	if err != nil {
		return err
	}
	if empty {
		d, err := demo.Load(s.p.Now())
		if err != nil {
			return err
		}
		cat := content.Catalogue{Providers: d.Providers, Topics: d.Topics, Districts: d.Districts, Guides: d.Guides, Events: d.Events, Pages: d.Pages, Calls: d.Calls}
		if err := s.editorial.Seed(ctx, cat, d.Questionnaires); err != nil {
			return err
		}
		if err := s.ideas.Seed(ctx, d.Ideas); err != nil {
			return err
		}
	}
	if err := s.appointments.Seed(ctx); err != nil {
		return err
	}
	if s.invented > 0 {
		if err := s.appointments.SeedPast(ctx); err != nil {
			return err
		}
	}
	if err := s.participation.SeedDemo(ctx, s.invented); err != nil {
		return err
	}
	if s.logins, err = s.access.SeedDemo(ctx); err != nil {
		return err
	}
	return s.planning.SeedDemo(ctx, "planung@service-point.example", "admin@service-point.example", "smart-kassel")
}

// bind adds all routes. The static site takes what nobody else wants.
func (s *server) bind(se *core.ServeEvent) {
	s.p.Guard(se)
	s.gate.Bind(se)
	s.access.Bind(se)
	s.editorial.Bind(se)
	s.participation.Bind(se)
	s.appointments.Bind(se)
	s.booking.Bind(se)
	s.cases.Bind(se)
	s.ideas.Bind(se)
	s.live.Bind(se)
	s.orders.Bind(se)
	s.partners.settings.Bind(se)
	s.tours.Bind(se)
	s.waste.Bind(se)
	s.planning.Bind(se)
	s.reports.Bind(se)
	s.results.Bind(se)
	s.p.Route(se, "GET", "/healthz", s.health)
	s.p.Route(se, "GET", "/api/v1/openapi.json", describeAPI)
	s.p.Route(se, "", "/{path...}", func(e *core.RequestEvent) error {
		s.static.ServeHTTP(e.Response, e.Request)
		return nil
	})
}

// start begins the work in the background; PocketBase's end of the program stops
// it and waits.
func (s *server) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	running := map[string]func(context.Context) error{
		"editorial": s.editorial.Run, "orders": s.orders.Run, "jobs": s.jobs.Run, "planning": s.planning.Run,
	}
	for i, run := range s.background {
		running[fmt.Sprint("background ", i)] = run
	}
	for name, run := range running {
		s.done.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				s.p.App.Logger().Error(name+" ended", "error", err.Error())
			}
		})
	}
	s.p.App.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		s.stop()
		s.done.Wait()
		s.participation.Close()
		return e.Next()
	})
}

// health answers 200 when the database answers, a release is live and the
// scheduler is alive; else 503 with the reasons.
func (s *server) health(e *core.RequestEvent) error {
	reasons := map[string]string{}
	var one int
	if err := s.p.App.DB().NewQuery("SELECT 1").WithContext(e.Request.Context()).Row(&one); err != nil {
		s.p.App.Logger().Error("health: the database does not answer", "error", err.Error())
		reasons["database"] = "the database does not answer"
	}
	if _, err := s.static.Release(); err != nil {
		reasons["site"] = "no release is live"
	}
	if err := s.jobs.Healthy(); err != nil {
		reasons["scheduler"] = err.Error()
	}
	status, word := 200, "ok"
	if len(reasons) > 0 {
		status, word = 503, "failing"
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(status, map[string]any{"status": word, "reasons": reasons, "version": version})
}

// counts tells planners how many answers came, by survey, day and channel.
func (s *server) counts(ctx context.Context) ([]planning.Count, error) {
	rows, err := s.participation.Counts(ctx)
	counts := make([]planning.Count, len(rows))
	for i, r := range rows {
		counts[i] = planning.Count{Survey: r.Survey, Day: r.Day, Channel: r.Channel, N: r.Count}
	}
	return counts, err
}
