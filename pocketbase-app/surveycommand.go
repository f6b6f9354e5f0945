package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/formats"

	"github.com/spf13/cobra"
)

// surveyCommand works on files of questionnaires; it needs no server and no data
// directory. Questionnaires go to --out or standard output, reports to standard
// error. It ends with 1 when a file cannot be read, a check finds an error, or
// --strict is given and something was lost.
func surveyCommand() *cobra.Command {
	parent := &cobra.Command{Use: "survey", Short: "Questionnaires in files: import, check and convert them"}
	var out, to, lang string
	var strict, all bool
	flags := func(c *cobra.Command) {
		c.Flags().StringVar(&out, "out", "", "the file to write (default standard output)")
		c.Flags().StringVar(&lang, "lang", content.English, "language of the report: en or de")
		c.Flags().BoolVar(&all, "all", false, "list every single thing in the report")
		c.Flags().BoolVar(&strict, "strict", false, "fail when anything is lost")
	}
	readable := strings.Join(formats.Readable, ", ")
	imports := &cobra.Command{
		Use:   "import FILE",
		Short: "Make our JSON of a questionnaire (" + readable + ") and report what is lost",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return convert(args[0], conversion{to: formats.Own, out: out, lang: lang, strict: strict, all: all})
		},
	}
	flags(imports)
	converts := &cobra.Command{
		Use:   "convert FILE",
		Short: "Write a questionnaire in another format and report what is lost on the way",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return convert(args[0], conversion{to, out, lang, strict, all})
		},
	}
	flags(converts)
	converts.Flags().StringVar(&to, "to", formats.Own, "the format to write: "+strings.Join(formats.Writable, ", "))
	checks := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what keeps a questionnaire from being published and what its routing never reaches",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return check(os.Stdout, args[0], lang)
		},
	}
	checks.Flags().StringVar(&lang, "lang", content.English, "language of the report: en or de")
	parent.AddCommand(imports, checks, converts)
	return parent
}

// readQuestionnaire reads a file of any format and the pictures that it brings.
func readQuestionnaire(name string) (survey.Questionnaire, map[string][]byte, []formats.Loss, error) {
	f, err := os.Open(name)
	if err != nil {
		return survey.Questionnaire{}, nil, nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, formats.MaxOwn+1))
	if err != nil {
		return survey.Questionnaire{}, nil, nil, err
	}
	b, pictures, err := formats.Pictures(b)
	if err != nil {
		return survey.Questionnaire{}, nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	q, losses, err := formats.Read(filepath.Base(name), b)
	if err != nil {
		return q, nil, losses, fmt.Errorf("%s: %w", name, err)
	}
	return q, pictures, losses, nil
}

type conversion struct {
	to, out, lang string
	strict, all   bool
}

func convert(name string, how conversion) error {
	q, pictures, losses, err := readQuestionnaire(name)
	if err != nil {
		return err
	}
	b, more, err := formats.Write(how.to, q)
	if err != nil {
		return err
	}
	if how.to == formats.Own {
		if b, err = formats.WithPictures(b, pictures); err != nil {
			return err
		}
	}
	how.report(os.Stderr, "read from "+name, losses)
	how.report(os.Stderr, "written as "+how.to, more)
	if how.strict && len(losses)+len(more) > 0 {
		return errors.New("something was lost; nothing is written")
	}
	if how.out == "" {
		_, err = os.Stdout.Write(b)
		return err
	}
	if err := replace(how.out, b); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d pages, %d items\n", how.out, len(q.Pages), len(q.Items()))
	return nil
}

// replace writes a file whole or not at all.
func replace(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".survey-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (how conversion) report(w io.Writer, what string, losses []formats.Loss) {
	if len(losses) == 0 {
		return
	}
	n := 0
	for _, l := range losses {
		n += l.Count
	}
	fmt.Fprintf(w, "%s, not the same as before: %d in %d places\n", what, n, len(losses))
	for _, l := range losses {
		fmt.Fprintln(w, " ", l.Line(how.lang))
		if how.all {
			for _, thing := range l.Things {
				fmt.Fprintln(w, "     ", thing)
			}
		}
	}
}

func check(w io.Writer, name, lang string) error {
	q, _, losses, err := readQuestionnaire(name)
	if err != nil {
		return err
	}
	words, err := content.LoadWords()
	if err != nil {
		return err
	}
	if lang != content.German {
		lang = content.English
	}
	say := func(kind string, p content.Problem) {
		fmt.Fprintf(w, "%s:%s: %s: %s [%s]\n", name, spot(q, p.Field), kind, words.Say(lang, p), p.Code)
	}
	errorsFound := 0
	for _, p := range q.Validate() {
		errorsFound++
		say("error", p)
	}
	if errorsFound == 0 {
		for _, f := range q.Findings() {
			if f.Severity == survey.SeverityError {
				errorsFound++
			}
			say(string(f.Severity), f.Problem)
		}
	}
	if len(losses) > 0 {
		fmt.Fprintf(w, "%s: %d places are not as they were in the file; \"survey import\" lists them\n", name, len(losses))
	}
	if errorsFound > 0 {
		return fmt.Errorf("%s: %d errors", name, errorsFound)
	}
	fmt.Fprintf(w, "%s: %d pages, %d items, no errors\n", name, len(q.Pages), len(q.Items()))
	return nil
}

// spot names the page and the item that a field belongs to, as people know them:
// "pages.0.items.2.text.de" is "start/age text.de".
func spot(q survey.Questionnaire, field string) string {
	parts := strings.Split(field, ".")
	if len(parts) < 2 || parts[0] != "pages" {
		return field
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n >= len(q.Pages) {
		return field
	}
	page := q.Pages[n]
	at, rest := page.Code, parts[2:]
	if len(rest) > 1 && rest[0] == "items" {
		if i, err := strconv.Atoi(rest[1]); err == nil && i < len(page.Items) {
			at, rest = at+"/"+page.Items[i].Code, rest[2:]
		}
	}
	return strings.TrimSpace(at + " " + strings.Join(rest, "."))
}
