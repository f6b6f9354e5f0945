package formats

import (
	"fmt"
	"strings"
	"testing"
)

// The same small survey as LimeSurvey 3 and LimeSurvey 6 write it.
const limeHead = `<?xml version="1.0" encoding="UTF-8"?><document><LimeSurveyDocType>Survey</LimeSurveyDocType><DBVersion>%d</DBVersion><languages><language>de</language><language>en</language></languages>`

var oldLSS = fmt.Sprintf(limeHead, 360) + `
<answers><rows>
<row><qid>1</qid><code>A1</code><answer>Ja, oft</answer><sortorder>1</sortorder><language>de</language><scale_id>0</scale_id></row>
<row><qid>1</qid><code>A1</code><answer>Yes, often</answer><sortorder>1</sortorder><language>en</language><scale_id>0</scale_id></row>
<row><qid>1</qid><code>A2</code><answer>Nie</answer><sortorder>2</sortorder><language>de</language><scale_id>0</scale_id></row>
<row><qid>1</qid><code>A2</code><answer>Never</answer><sortorder>2</sortorder><language>en</language><scale_id>0</scale_id></row>
</rows></answers>
<conditions><rows>
<row><cid>1</cid><qid>2</qid><cqid>1</cqid><cfieldname>9X5X1</cfieldname><method>==</method><value>A1</value><scenario>1</scenario></row>
<row><cid>2</cid><qid>3</qid><cqid>2</cqid><cfieldname>+9X5X2bus</cfieldname><method>==</method><value>Y</value><scenario>1</scenario></row>
</rows></conditions>
<groups><rows>
<row><gid>5</gid><sid>9</sid><group_name>Busse</group_name><group_order>1</group_order><description></description><language>de</language><grelevance></grelevance></row>
<row><gid>5</gid><sid>9</sid><group_name>Buses</group_name><group_order>1</group_order><description></description><language>en</language><grelevance></grelevance></row>
</rows></groups>
<questions><rows>
<row><qid>1</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>L</type><title>often</title><question>Fahren Sie oft?</question><help/><other>N</other><mandatory>Y</mandatory><question_order>1</question_order><language>de</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>1</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>L</type><title>often</title><question>Do you ride often?</question><help/><other>N</other><mandatory>Y</mandatory><question_order>1</question_order><language>en</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>2</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>M</type><title>what</title><question>Womit?</question><help/><other>N</other><mandatory>N</mandatory><question_order>2</question_order><language>de</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>2</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>M</type><title>what</title><question>By what?</question><help/><other>N</other><mandatory>N</mandatory><question_order>2</question_order><language>en</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>3</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>why</title><question>Warum {what}?</question><help/><other>N</other><mandatory>N</mandatory><question_order>3</question_order><language>de</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>3</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>why</title><question>Why {what}?</question><help/><other>N</other><mandatory>N</mandatory><question_order>3</question_order><language>en</language><scale_id>0</scale_id><relevance>1</relevance></row>
</rows></questions>
<subquestions><rows>
<row><qid>10</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>bus</title><question>Bus</question><question_order>1</question_order><language>de</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>10</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>bus</title><question>Bus</question><question_order>1</question_order><language>en</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>11</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>tram</title><question>Bahn</question><question_order>2</question_order><language>de</language><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>11</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>tram</title><question>Tram</question><question_order>2</question_order><language>en</language><scale_id>0</scale_id><relevance>1</relevance></row>
</rows></subquestions>` + limeTail2

var modernLSS = fmt.Sprintf(limeHead, 640) + `
<answers><rows>
<row><aid>1</aid><qid>1</qid><code>A1</code><sortorder>1</sortorder><scale_id>0</scale_id></row>
<row><aid>2</aid><qid>1</qid><code>A2</code><sortorder>2</sortorder><scale_id>0</scale_id></row>
</rows></answers>
<answer_l10ns><rows>
<row><id>1</id><aid>1</aid><answer>Ja, oft</answer><language>de</language></row><row><id>2</id><aid>1</aid><answer>Yes, often</answer><language>en</language></row>
<row><id>3</id><aid>2</aid><answer>Nie</answer><language>de</language></row><row><id>4</id><aid>2</aid><answer>Never</answer><language>en</language></row>
</rows></answer_l10ns>
<groups><rows><row><gid>5</gid><sid>9</sid><group_order>1</group_order><grelevance></grelevance></row></rows></groups>
<group_l10ns><rows>
<row><id>1</id><gid>5</gid><group_name>Busse</group_name><description></description><language>de</language></row>
<row><id>2</id><gid>5</gid><group_name>Buses</group_name><description></description><language>en</language></row>
</rows></group_l10ns>
<questions><rows>
<row><qid>1</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>L</type><title>often</title><other>N</other><mandatory>Y</mandatory><question_order>1</question_order><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>2</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>M</type><title>what</title><other>N</other><mandatory>N</mandatory><question_order>2</question_order><scale_id>0</scale_id><relevance>((often.NAOK == "A1"))</relevance></row>
<row><qid>3</qid><parent_qid>0</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>why</title><other>N</other><mandatory>N</mandatory><question_order>3</question_order><scale_id>0</scale_id><relevance>((what_bus.NAOK == "Y"))</relevance></row>
</rows></questions>
<subquestions><rows>
<row><qid>10</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>bus</title><question_order>1</question_order><scale_id>0</scale_id><relevance>1</relevance></row>
<row><qid>11</qid><parent_qid>2</parent_qid><sid>9</sid><gid>5</gid><type>T</type><title>tram</title><question_order>2</question_order><scale_id>0</scale_id><relevance>1</relevance></row>
</rows></subquestions>
<question_l10ns><rows>
<row><id>1</id><qid>1</qid><question>Fahren Sie oft?</question><help/><language>de</language></row><row><id>2</id><qid>1</qid><question>Do you ride often?</question><help/><language>en</language></row>
<row><id>3</id><qid>2</qid><question>Womit?</question><help/><language>de</language></row><row><id>4</id><qid>2</qid><question>By what?</question><help/><language>en</language></row>
<row><id>5</id><qid>3</qid><question>Warum {what}?</question><help/><language>de</language></row><row><id>6</id><qid>3</qid><question>Why {what}?</question><help/><language>en</language></row>
<row><id>7</id><qid>10</qid><question>Bus</question><language>de</language></row><row><id>8</id><qid>10</qid><question>Bus</question><language>en</language></row>
<row><id>9</id><qid>11</qid><question>Bahn</question><language>de</language></row><row><id>10</id><qid>11</qid><question>Tram</question><language>en</language></row>
</rows></question_l10ns>` + limeTail2

const limeTail2 = `
<surveys><rows><row><sid>9</sid><anonymized>Y</anonymized><format>G</format><language>de</language><additional_languages>en</additional_languages></row></rows></surveys>
<surveys_languagesettings><rows>
<row><surveyls_survey_id>9</surveyls_survey_id><surveyls_language>de</surveyls_language><surveyls_title>Bus und Bahn</surveyls_title></row>
<row><surveyls_survey_id>9</surveyls_survey_id><surveyls_language>en</surveyls_language><surveyls_title>Bus and tram</surveyls_title></row>
</rows></surveys_languagesettings></document>`

func TestBothGenerationsOfLimeSurveyAreAlike(t *testing.T) {
	old, _, err := Read("old.lss", []byte(oldLSS))
	if err != nil {
		t.Fatal(err)
	}
	modern, losses, err := Read("modern.lss", []byte(modernLSS))
	if err != nil {
		t.Fatal(err)
	}
	a, _, _ := Write(Own, old)
	b, _, _ := Write(Own, modern)
	if string(a) != string(b) {
		t.Errorf("they differ\n%s", difference(old, modern))
	}
	if p := modern.Validate(); len(p) > 0 {
		t.Error(p)
	}
	for _, want := range []string{`"in": [`, `Warum {what}?`, `"en": "By what?"`, `"anonymous": true`, `"code": "a1"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
	for _, l := range losses {
		if l.Code != "technical" && l.Code != "options_renamed" {
			t.Error(l)
		}
	}
}

func TestConditionTableThatSaysSomethingElse(t *testing.T) {
	file := strings.Replace(oldLSS, `<question_order>2</question_order><language>de</language><scale_id>0</scale_id><relevance>1`,
		`<question_order>2</question_order><language>de</language><scale_id>0</scale_id><relevance>((often == "A2"))`, 1)
	_, losses, err := Read("x.lss", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range losses {
		if l.Code == "conditions_differ" && l.Place == "questions/what" {
			return
		}
	}
	t.Errorf("not reported: %v", losses)
}
