package survey

import "servicepoint/content"

// Stored says in plain words what is stored of who takes part: what the survey's
// page and its first page promise.
func (q Questionnaire) Stored() content.Text {
	switch {
	case q.Anonymous && q.Named():
		return storedNamed
	case q.Anonymous:
		return storedOpen
	}
	return storedPersonal
}

var storedOpen = content.Text{
	content.German:  "Die Teilnahme ist freiwillig und anonym. Wir speichern Ihre Antworten, die Sprache und den Tag. Ihren Namen, Ihre Adresse und Ihre IP-Adresse speichern wir nicht.",
	content.English: "Taking part is voluntary and anonymous. We store your answers, the language and the day. We do not store your name, your address or your IP address.",
	content.Easy:    "Sie müssen nicht mitmachen. Die Umfrage ist anonym. Das heißt: Wir wissen nicht, wer Sie sind. Wir speichern Ihre Antworten, die Sprache und den Tag. Wir speichern nicht Ihren Namen.",
}

var storedNamed = content.Text{
	content.German: "Die Teilnahme ist freiwillig und anonym. Wir speichern, dass Ihr Zugang verwendet wurde, damit jede Person nur einmal teilnimmt. " +
		"Getrennt davon speichern wir Ihre Antworten und die Sprache. Was zusammengehört, ist nicht gespeichert: Antworten werden gemischt und erst zu mindestens zehn abgelegt, mit einem gemeinsamen Tag.",
	content.English: "Taking part is voluntary and anonymous. We store that your access was used, so that every person takes part only once. " +
		"Apart from that we store your answers and the language. What belongs together is not stored: answers are mixed and put away ten or more at a time, with one day for all of them.",
	content.Easy: "Sie müssen nicht mitmachen. Die Umfrage ist anonym. Wir speichern: Ihr Zugang ist benutzt. So macht jede Person nur 1 Mal mit. " +
		"Wir speichern auch Ihre Antworten. Aber an einem anderen Ort. Wir mischen die Antworten von mindestens 10 Personen. Niemand kann sehen: Diese Antwort ist von Ihnen.",
}

var storedPersonal = content.Text{
	content.German: "Die Teilnahme ist freiwillig. Diese Umfrage ist nicht anonym. Wir speichern Ihre Antworten, die Sprache und den Tag. Fragen nach Ihrer Person sind gekennzeichnet; " +
		"die Antworten darauf liegen getrennt, und nur wenige Beauftragte dürfen sie sehen. Ihre IP-Adresse speichern wir nicht.",
	content.English: "Taking part is voluntary. This survey is not anonymous. We store your answers, the language and the day. Questions about your person are marked; " +
		"the answers to them are kept apart and only a few people may see them. We do not store your IP address.",
	content.Easy: "Sie müssen nicht mitmachen. Diese Umfrage ist nicht anonym. Wir speichern Ihre Antworten, die Sprache und den Tag. " +
		"Manche Fragen sind zu Ihrer Person. Diese Antworten sehen nur wenige Mitarbeiter.",
}

// Split parts the answers to personal questions from the others.
func (q Questionnaire) Split(a Answers) (open, personal Answers) {
	if q.Anonymous { // asks nothing personal, see Validate
		return a, nil
	}
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			if !it.IsPersonal() {
				continue
			}
			for key, value := range a {
				if itemOf(key) == it.Code {
					if personal == nil {
						personal = Answers{}
					}
					personal[key] = value
				}
			}
		}
	}
	if personal == nil {
		return a, nil
	}
	open = Answers{}
	for key, value := range a {
		if _, apart := personal[key]; !apart {
			open[key] = value
		}
	}
	return open, personal
}
