package formats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"servicepoint/content/survey"
)

// A survey in the shape in which LimeSurvey 6 (database 636) and 7 (717) export:
// texts in tables of their own that repeat the columns of groups, settings that are
// inherited, attributes with the values that nobody chose. The shape was learnt from
// the surveys in tests/data/surveys of github.com/LimeSurvey/LimeSurvey (GPL 2 or
// later); nothing was taken from them, the questions are our own.
func lime6(version int) string {
	cell := func(name, value string) string {
		if value == "" {
			return "<" + name + "/>"
		}
		return "<" + name + "><![CDATA[" + value + "]]></" + name + ">"
	}
	rows := func(table string, rows ...[]string) string {
		var b strings.Builder
		b.WriteString(" <" + table + ">\n  <fields><fieldname>id</fieldname></fields>\n  <rows>\n")
		for _, r := range rows {
			b.WriteString("   <row>")
			for i := 0; i+1 < len(r); i += 2 {
				b.WriteString(cell(r[i], r[i+1]))
			}
			b.WriteString("</row>\n")
		}
		b.WriteString("  </rows>\n </" + table + ">\n")
		return b.String()
	}
	question := func(qid, kind, title, order, mandatory, relevance, theme string) []string {
		return []string{"qid", qid, "parent_qid", "0", "sid", "7", "gid", "5", "type", kind, "title", title, "other", "N", "mandatory", mandatory, "encrypted", "N",
			"question_order", order, "scale_id", "0", "same_default", "0", "relevance", relevance, "question_theme_name", theme, "modulename", "", "same_script", "0"}
	}
	sub := func(qid, parent, kind, title, order string) []string {
		return []string{"qid", qid, "parent_qid", parent, "sid", "7", "gid", "5", "type", kind, "title", title, "other", "N", "encrypted", "N", "question_order", order,
			"scale_id", "0", "same_default", "0", "relevance", "1", "same_script", "0"}
	}
	answer := func(aid, qid, code, order string) []string {
		return []string{"aid", aid, "qid", qid, "code", code, "sortorder", order, "assessment_value", "0", "scale_id", "0"}
	}
	var texts, answerTexts, groupTexts [][]string
	id := 100
	both := func(into *[][]string, column, of, name, de, en string, more ...string) {
		for _, t := range [][2]string{{"de", de}, {"en", en}} {
			id++
			*into = append(*into, append([]string{"id", fmt.Sprint(id), column, of, name, t[1], "help", "", "script", "", "language", t[0]}, more...))
		}
	}
	both(&texts, "qid", "11", "question", "Wie alt sind Sie?", "How old are you?")
	both(&texts, "qid", "12", "question", "Ihr Geschlecht?", "Your gender?")
	both(&texts, "qid", "13", "question", "Was mögen Sie?", "What do you like?")
	both(&texts, "qid", "14", "question", "Was ist Ihnen wichtiger?", "What matters more?")
	for n, name := range [][2]string{{"Busse", "Buses"}, {"Bahnen", "Trams"}, {"Räder", "Bikes"}} {
		both(&texts, "qid", fmt.Sprint(30+n), "question", name[0], name[1])
	}
	both(&answerTexts, "aid", "1", "answer", "bis 39", "up to 39")
	both(&answerTexts, "aid", "2", "answer", "ab 40", "from 40")
	both(&groupTexts, "gid", "5", "group_name", "Über Sie", "About you", "description", "", "sid", "7", "group_order", "1", "randomization_group", "", "grelevance", "1")
	answers := [][]string{answer("1", "11", "A1", "0"), answer("2", "11", "A2", "1")}
	subs := [][]string{sub("30", "13", "T", "SQ001", "0"), sub("31", "13", "T", "SQ002", "1"), sub("32", "13", "T", "SQ003", "2")}
	ranked := [][2]string{{"Tempo", "Speed"}, {"Preis", "Price"}}
	for n, name := range ranked {
		if version >= 700 { // what is ranked became sub-questions
			subs = append(subs, sub(fmt.Sprint(40+n), "14", "R", fmt.Sprint("R", n+1), fmt.Sprint(n)))
			both(&texts, "qid", fmt.Sprint(40+n), "question", name[0], name[1])
		} else {
			answers = append(answers, answer(fmt.Sprint(5+n), "14", fmt.Sprint("R", n+1), fmt.Sprint(n)))
			both(&answerTexts, "aid", fmt.Sprint(5+n), "answer", name[0], name[1])
		}
	}
	attributes := [][]string{}
	for _, a := range [][2]string{{"array_filter", ""}, {"array_filter_style", "0"}, {"cssclass", ""}, {"hidden", "0"}, {"hide_tip", "0"}, {"page_break", "0"}, {"public_statistics", "0"},
		{"save_as_default", "N"}, {"statistics_graphtype", "0"}, {"statistics_showgraph", "1"}, {"samechoiceheight", "1"}, {"samelistheight", "1"}, {"showpopups", "1"}, {"subquestion_order", "normal"}} {
		attributes = append(attributes, []string{"qid", "14", "attribute", a[0], "value", a[1], "language", ""})
	}
	attributes = append(attributes, []string{"qid", "13", "attribute", "subquestion_order", "value", "random", "language", ""})
	settings := []string{"sid", "7", "gsid", "1", "admin", "inherit", "adminemail", "inherit", "anonymized", "Y", "faxto", "", "format", "I", "template", "inherit", "language", "de", "additional_languages", "en",
		"usecaptcha", "E", "usetokens", "N", "bounce_email", "inherit", "emailresponseto", "inherit", "emailnotificationto", "inherit", "tokenlength", "-1", "questionindex", "-1", "navigationdelay", "-1",
		"bounceprocessing", "N", "autonumber_start", "0", "showsurveypolicynotice", "0", "tokenencryptionoptions", ""}
	for _, name := range []string{"savetimings", "datestamp", "usecookie", "allowregister", "allowsave", "autoredirect", "allowprev", "printanswers", "ipaddr", "ipanonymize", "refurl", "publicstatistics",
		"publicgraphs", "listpublic", "htmlemail", "sendconfirmation", "tokenanswerspersistence", "assessments", "showxquestions", "showgroupinfo", "shownoanswer", "showqnumcode", "showwelcome",
		"showprogress", "nokeyboard", "alloweditaftercompletion"} {
		settings = append(settings, name, "I")
	}
	language := func(lang, title string) []string {
		return []string{"surveyls_survey_id", "7", "surveyls_language", lang, "surveyls_title", title, "surveyls_url", "", "surveyls_dateformat", "1", "surveyls_numberformat", "0"}
	}
	return fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document>\n <LimeSurveyDocType>Survey</LimeSurveyDocType>\n <DBVersion>%d</DBVersion>\n <languages>\n  <language>de</language>\n  <language>en</language>\n </languages>\n", version) +
		rows("answers", answers...) + rows("answer_l10ns", answerTexts...) +
		rows("conditions", []string{"cid", "1", "qid", "13", "cqid", "12", "cfieldname", "7X5X12", "method", "==", "value", "F", "scenario", "1"}) +
		rows("groups", []string{"gid", "5", "sid", "7", "group_order", "1", "randomization_group", "", "grelevance", "1"}) + rows("group_l10ns", groupTexts...) +
		rows("questions", question("11", "L", "Q00", "1", "S", "1", "listradio"), question("12", "G", "G01Q02", "2", "N", "1", "gender"),
			question("13", "M", "G01Q03", "3", "Y", `((G01Q02.NAOK == "F"))`, "multiplechoice"), question("14", "R", "G01Q04", "4", "N", `((Q00.NAOK == "A2"))`, "ranking")) +
		rows("subquestions", subs...) + rows("question_l10ns", texts...) + rows("question_attributes", attributes...) +
		rows("surveys", settings) + rows("surveys_languagesettings", language("de", "Wege"), language("en", "Ways")) + "</document>\n"
}

func TestLimeSurvey6And7(t *testing.T) {
	var first string
	for _, version := range []int{636, 717} {
		q, losses, err := Read("wege.lss", []byte(lime6(version)))
		if err != nil {
			t.Fatal(version, err)
		}
		if p := q.Validate(); len(p) > 0 {
			t.Errorf("%d: %v", version, p)
		}
		if q.Title["de"] != "Wege" || q.Title["en"] != "Ways" || !q.Anonymous || len(q.Pages) != 1 || q.Pages[0].Title["en"] != "About you" {
			t.Errorf("%d: %+v", version, q)
		}
		want := []survey.Type{survey.SingleChoice, survey.SingleChoice, survey.MultipleChoice, survey.Ranking}
		var types []survey.Type
		for _, it := range q.Items() {
			types = append(types, it.Type)
		}
		if !slices.Equal(types, want) {
			t.Fatalf("%d: %v", version, types)
		}
		items := q.Items()
		if !items[0].Required || !items[2].Required || items[1].Required || !items[2].Random || items[3].Random {
			t.Errorf("%d: required or random: %+v", version, items)
		}
		if r := items[3]; len(r.Options) != 2 || r.Options[0].Text["de"] != "Tempo" || r.Options[1].Text["en"] != "Price" {
			t.Errorf("%d: the ranking has %+v", version, r.Options)
		}
		if len(items[2].Options) != 3 || items[2].Options[2].Text["en"] != "Bikes" || items[0].Options[1].Text["de"] != "ab 40" {
			t.Errorf("%d: %+v", version, items)
		}
		for i, rule := range map[int]string{2: items[1].Code, 3: items[0].Code} {
			if vars := items[i].ShowIf.Vars(); !slices.Equal(vars, []string{rule}) {
				t.Errorf("%d: the rule of %s looks at %v", version, items[i].Code, vars)
			}
		}
		// What is inherited, or nobody chose, is no loss; soft is one.
		soft := false
		for _, l := range losses {
			switch {
			case l.What == "mandatory=S (soft)":
				soft = true
			case l.Code != "technical" && l.Code != "options_renamed" && l.Code != "renamed" && !strings.Contains(l.What, "surveyls_dateformat"):
				t.Errorf("%d: %s [%s]", version, l, l.Code)
			}
		}
		if !soft {
			t.Errorf("%d: nothing is said of a question that is required softly", version)
		}
		b, _, err := Write(Own, q)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(b)
		} else if string(b) != first {
			t.Errorf("the two versions differ")
		}
	}
	// The control: an inherited promise of anonymity is told, and an unusual value too.
	file := strings.Replace(lime6(636), "<anonymized><![CDATA[Y]]>", "<anonymized><![CDATA[I]]>", 1)
	file = strings.Replace(file, "<allowprev><![CDATA[I]]>", "<allowprev><![CDATA[Y]]>", 1)
	q, losses, err := Read("wege.lss", []byte(file))
	if err != nil || q.Anonymous {
		t.Error(err, "a promise that nobody has read")
	}
	for _, want := range []string{"anonymized=I", "allowprev"} {
		if !slices.ContainsFunc(losses, func(l Loss) bool { return strings.Contains(l.String()+strings.Join(l.Things, " "), want) }) {
			t.Errorf("%s is not told: %v", want, losses)
		}
	}
}
