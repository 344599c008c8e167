"""What column names mean, in English, German, French, Spanish, Portuguese, Italian, Dutch and Polish.

Each entry is a phrase of whole words in lower case without accents. A phrase counts where its words stand side by
side in a column's name; how much of the name it covers is its weight. What does not belong here: any rule.
"""

from __future__ import annotations

from synth_assets.classification.vocabulary import EntityType

_PHRASES: dict[EntityType, str] = {
    "person_name": """
        name, full name, fullname, person, person name, customer name, client name, patient name, employee
        name, user full name, contact name, holder name, account holder, cardholder, card holder, cardholder
        name, owner name, reviewer, reviewer name, author name, doctor, doctor name, physician, provider name,
        beneficiary, applicant, applicant name, guardian name, member name, student name, teacher, teacher
        name, display name, spouse name, mother name, father name, recipient name, passenger, passenger name,
        contact person, emergency contact, nombre completo, nom complet, nome completo, vollstandiger name,
        kundenname, patientenname, ansprechpartner, mitarbeitername, imie i nazwisko, volledige naam, naam,
        nominativo, nome e cognome, nombre y apellidos, nom prenom
    """,
    "first_name": """
        first name, firstname, fname, given name, givenname, given names, forename, first, given, nick name,
        nickname, preferred name, vorname, rufname, prenom, nombre, primer nombre, nombres, nome, primeiro
        nome, voornaam, imie, christian name, host name, middle first name
    """,
    "last_name": """
        last name, lastname, lname, surname, family name, familyname, last, maiden, maiden name, second name,
        nachname, familienname, geburtsname, zuname, nom de famille, nom famille, apellido, apellidos,
        sobrenome, apelido, cognome, achternaam, nazwisko, nazwisko rodowe, primer apellido, segundo apellido,
        birth name
    """,
    "middle_name": """
        middle name, middlename, middle, middle initial, mname, mi, zweiter vorname, segundo nombre, drugie
        imie
    """,
    "email": """
        email, e mail, mail, email address, e mail address, emailaddress, mail address, mailadresse, email
        adresse, correo, correo electronico, courriel, adresse mail, posta elettronica, indirizzo email,
        contact email, e post, adres email, poczta
    """,
    "phone": """
        phone, phone number, telephone, telephone number, tel, mobile, mobile number, mobile phone, cell, cell
        phone, cellphone, phone no, phonenumber, fax, fax number, home phone, work phone, telefon,
        telefonnummer, handy, handynummer, mobil, mobilnummer, rufnummer, telefono, movil, celular, telefone,
        telemovel, cellulare, telefoon, telefoonnummer, numer telefonu, komorka, msisdn, whatsapp, contact
        number, portable, numero de telephone
    """,
    "national_id": """
        ssn, social security number, social security, national id, national id number, nationalid, national
        identifier, nino, national insurance number, nhs number, sin, tax id, taxid, tin, tax number, tax
        identification number, cpf, rg, dni, nie, nif, nss, curp, rfc, codice fiscale, pesel, nip, bsn,
        burgerservicenummer, steuer id, steuernummer, steueridentifikationsnummer, sozialversicherungsnummer,
        personalausweis, ausweisnummer, insee, numero de securite sociale, aadhaar, aadhar, pan number, id
        card, id card number, identity number, identity card, personal number, personnummer, cedula, documento
        identidad, government id, medicare number, medicare, social insurance number, citizen id, resident id,
        itin, ein, hkid, nric, amka, cnp, egn, oib, isikukood
    """,
    "passport": """
        passport, passport number, passport no, reisepass, reisepassnummer, passeport, pasaporte, passaporte,
        passaporto, paspoort, paszport, numer paszportu, passnummer
    """,
    "drivers_license": """
        drivers license, driver license, drivers licence, driving license, driving licence, drivers, license
        number, licence number, dl number, fuhrerschein, fuhrerscheinnummer, permis de conduire, licencia
        conducir, cnh, prawo jazdy, rijbewijs, patente di guida
    """,
    "credit_card": """
        credit card, credit card number, creditcard, card number, cardnumber, card no, cc number, ccn, cc num,
        ccnumber, debit card number, pan, payment card number, kreditkarte, kreditkartennummer, kartennummer,
        carte bancaire, numero de carte, tarjeta, numero tarjeta, numero de tarjeta, cartao, numero cartao,
        numer karty
    """,
    "iban": """
        iban, iban number, iban code, iban nr, random iban
    """,
    "bank_account": """
        bank account, bank account number, account number, account no, accountnumber, acct number, acct no,
        acct num, acc number, routing number, sort code, kontonummer, bankkonto, konto, konto nr, numero de
        compte, compte bancaire, numero de cuenta, cuenta bancaria, numero conta, conta bancaria, numer konta,
        rekeningnummer, bban, clabe
    """,
    "license_plate": """
        license plate, licence plate, number plate, plate, plate number, registration number, kennzeichen, kfz
        kennzeichen, immatriculation, matricula, placa, targa, kenteken, numer rejestracyjny, vrn, vehicle
        registration
    """,
    "vin": """
        vin, vehicle identification number, vin number, chassis number, fahrgestellnummer, numero de chasis
    """,
    "ip_address": """
        ip, ip address, ipaddress, ip addr, ipv4, ipv6, client ip, remote ip, source ip, src ip, src addr,
        srcaddr, dst addr, dstaddr, destination ip, remote addr, remote address, host ip, last login ip, login
        ip, ip adresse
    """,
    "mac_address": """
        mac, mac address, macaddress, mac addr, hardware address, bssid, device mac
    """,
    "username": """
        username, user name, user login, login, login id, login name, loginid, screen name, handle, twitter
        handle, account name, benutzername, benutzer, benutzerkennung, nom utilisateur, identifiant, usuario,
        nombre de usuario, nome utente, gebruikersnaam, uzytkownik, nazwa uzytkownika, alias, skype, github
    """,
    "person_id": """
        customer id, customerid, customer number, customer no, customer key, client id, clientid, client
        number, patient id, patientid, patient, patient number, person id, personid, person key, people id,
        user id, userid, user key, user, employee id, employeeid, employee number, employee no, emp id, empid,
        emp no, staff id, staff number, member id, memberid, member number, membership number, student id,
        student number, studentid, subject id, participant id, respondent id, passenger id, applicant id,
        borrower id, policyholder id, contact id, host id, owner id, seller id, buyer id, author id, driver
        id, doctor id, physician id, provider id, practitioner, guest id, visitor id, subscriber id, account
        id, profile id, voter id, business entity id, mrn, medical record number, health record number,
        hospital number, worker id, personnel number, beneficiary id, individual id, citizen number, player
        id, payee id, enrollee id, insured id, kunde, kundennr, kunden nr, kunden id, kundennummer, kunde nr,
        kundenid, personalnummer, personal nr, mitarbeiter id, mitarbeiternummer, patienten id,
        patientennummer, patienten nr, mitgliedsnummer, versichertennummer, matrikelnummer, id client, numero
        client, code client, id patient, matricule, id cliente, numero cliente, codigo cliente, cliente id, id
        paciente, id usuario, id empleado, id utente, codice cliente, id funcionario, klantnummer, klant id,
        numer klienta, id klienta, id pacjenta, id pracownika, manager id, supervisor id, device id, cookie
        id, advertising id, idfa, gaid, person uuid, customer uuid, user uuid, patient uuid, uid, cust id,
        custid, cluster, case number, employee, customer, client, member, student, bene id, nurse id, reporter
        id, assigned to, created by
    """,
    "street_address": """
        address, street, street address, streetaddress, address line, address line 1, addressline, home
        address, mailing address, postal address, residential address, billing address, shipping address,
        residence, addr, strasse, adresse, anschrift, wohnort adresse, strasse hausnummer, wohnanschrift, rue,
        adresse postale, calle, direccion, domicilio, endereco, rua, logradouro, morada, indirizzo, via,
        straat, adres, ulica, address 1, location address
    """,
    "address_part": """
        address line 2, address line 3, address 2, address2, apartment, apt, suite, unit number, house number,
        house no, street number, street no, street name, street suffix, building, flat, floor number,
        hausnummer, haus nr, hausnr, stiege, numero, complement, complemento, bairro, numer domu, numer
        mieszkania, huisnummer, po box, postfach
    """,
    "photo": """
        photo, picture, avatar, portrait, profile picture, profile photo, headshot, selfie, face, foto, photo
        url, image url profile, fingerprint, signature, biometric, iris, passbild, lichtbild
    """,
    "free_text_pii": """
        notes, note, clinical notes, doctor notes, medical notes, user query, message, messages, chat,
        transcript, conversation, complaint, remarks, narrative, free text, freetext, case notes, patient
        notes, email body, message body, notizen, bemerkung, bemerkungen, freitext, anmerkung, remarques,
        observations, observaciones, notas, observacoes, uwagi, opmerkingen, bio, biography, cover letter,
        query text, resume text, anamnese, anamnesis
    """,
    "city": """
        city, town, city town, municipality, city name, place of residence, hometown, home town, birth city,
        birthplace, birth place, place of birth, pob, stadt, ort, wohnort, gemeinde, geburtsort, ville,
        commune, lieu de naissance, ciudad, municipio, poblacion, cidade, citta, comune, luogo di nascita,
        stad, gemeente, woonplaats, plaats, miasto, miejscowosc, locality, suburb, village, neighborhood,
        neighbourhood, district
    """,
    "region": """
        state, province, region, county, state province, state name, state code, state province name, area,
        territory, bundesland, kanton, landkreis, kreis, niederlassung, departement, provincia, estado,
        comunidad autonoma, uf, regione, provincie, wojewodztwo, powiat, geography, puma, census tract, tract,
        prefecture, oblast
    """,
    "postcode": """
        zip, zip code, zipcode, postal code, postalcode, postcode, post code, zip5, zip 4, plz, postleitzahl,
        code postal, codigo postal, cep, cap, kod pocztowy, pin code, pincode, eircode
    """,
    "country": """
        country, country name, country code, country region, country region name, nation, land, pays, pais,
        paese, kraj, native country, country of birth, birth country, country of residence, herkunftsland,
        geburtsland, origin
    """,
    "latitude": """
        latitude, lat, geo lat, breitengrad, latitud, szerokosc geograficzna, gps lat, y coordinate
    """,
    "longitude": """
        longitude, long, lon, lng, geo lon, langengrad, longitud, gps lon, x coordinate, dlugosc geograficzna
    """,
    "geo_point": """
        geolocation, geo location, geo point, geopoint, coordinates, coords, gps, lat long, lat lon, latlng,
        koordinaten, coordenadas, coordonnees, gps coordinates, wkt, home location
    """,
    "date_of_birth": """
        date of birth, birth date, birthdate, birthday, birth day, dob, birth year, birthyear, year of birth,
        yob, birth month, month of birth, days birth, birth, born, born on, bdate, geburtsdatum, geburtstag,
        geburtsjahr, geboren, date de naissance, naissance, annee de naissance, fecha de nacimiento, fecha
        nacimiento, nacimiento, ano nacimiento, data de nascimento, data nascimento, nascimento, data di
        nascita, data nascita, geboortedatum, geboortejaar, data urodzenia, rok urodzenia
    """,
    "date_of_death": """
        date of death, death date, deathdate, dod, deceased date, died, died on, year of death, todesdatum,
        sterbedatum, date de deces, fecha de defuncion, data de obito, data zgonu, death year
    """,
    "age": """
        age, current age, age years, age in years, age group, agegroup, age band, age range, age bracket,
        retirement age, age at, customer age, patient age, agep, alter, lebensalter, altersgruppe, tranche
        age, edad, grupo edad, idade, faixa etaria, eta, leeftijd, wiek, grupa wiekowa, age cat, age category
    """,
    "gender": """
        gender, sex, gender code, gender identity, code gender, geschlecht, sexe, genre, sexo, genero, sesso,
        genere, geslacht, plec, biological sex, pronouns, sex at birth
    """,
    "marital_status": """
        marital status, maritalstatus, marital, marriage status, family status, civil status, relationship
        status, married, ever married, familienstand, zivilstand, situation matrimoniale, etat civil,
        situation familiale, estado civil, stato civile, burgerlijke staat, stan cywilny, relationship,
        spouse, msp, divorced
    """,
    "nationality": """
        nationality, citizenship, citizen, staatsangehorigkeit, nationalitat, staatsburgerschaft, nationalite,
        nacionalidad, nacionalidade, nazionalita, cittadinanza, nationaliteit, narodowosc, obywatelstwo,
        immigration status, visa status, visa type
    """,
    "language": """
        language, lang, native language, mother tongue, preferred language, primary language, spoken language,
        sprache, muttersprache, langue, idioma, lingua, taal, jezyk, locale
    """,
    "timezone": """
        time zone, timezone, tz, zeitzone, fuseau horaire, zona horaria, fuso horario
    """,
    "education": """
        education, education level, education num, educational level, educational attainment, education field,
        degree, university, school, college, major, edu, schooling, qualification, highest degree, level of
        education, gpa, bildung, bildungsabschluss, schulabschluss, abschluss, studium, etudes, niveau etude,
        diplome, educacion, nivel educativo, escolaridade, istruzione, titolo di studio, opleiding,
        wyksztalcenie, field of study, alma mater
    """,
    "occupation": """
        occupation, occupation type, job, job title, jobtitle, job role, profession, position, designation,
        employment, employment status, employment type, work class, workclass, employer, company, work type,
        title position, role, years employed, days employed, industry, indp, beruf, berufsbezeichnung,
        tatigkeit, stelle, arbeitgeber, metier, emploi, poste, employeur, ocupacion, puesto, profesion,
        trabajo, profissao, cargo, ocupacao, professione, lavoro, impiego, beroep, functie, zawod, stanowisko,
        pracodawca, job category, job level title
    """,
    "household": """
        children, number of children, num children, cnt children, number children at home, total children,
        kids, kids count, dependents, dependent count, number of dependents, num dependents, family members,
        cnt fam members, family size, household size, household, household type, siblings, sibsp, parch, home
        owner, homeowner, home owner flag, home ownership, number cars owned, cars owned, own car, own house,
        own realty, housing type, household members, has children, pets, kinder, anzahl kinder, haushalt,
        haushaltsgrosse, enfants, nombre enfants, foyer, hijos, numero hijos, hogar, filhos, num filhos,
        figli, numero figli, kinderen, dzieci, liczba dzieci, ma dzieci, residence type, living arrangement
    """,
    "name_title": """
        title, salutation, prefix, name prefix, suffix, name suffix, honorific, anrede, titel, akademischer
        titel, civilite, titulo, tratamento, titolo, aanhef, tytul, courtesy title
    """,
    "person_date": """
        hire date, hiredate, hired, date hired, join date, joining date, date joined, start date, termination
        date, admission date, admit date, admitted, discharge date, visit date, last visit, next visit,
        appointment date, appointment, enrollment date, enrolment date, graduation date, date of marriage,
        wedding date, screening date, encounter date, test date, surgery date, onset date, diagnosis date,
        arrest date, date of hire, leaving date, last login, signup date, registration date, member since,
        customer since, date of admission, jail in, jail out, einstellungsdatum, eintrittsdatum,
        austrittsdatum, aufnahmedatum, entlassungsdatum, date embauche, date admission, fecha contratacion,
        fecha ingreso, data admissao, data de admissao, data assunzione, data zatrudnienia, last seen
    """,
    "ethnicity": """
        ethnicity, ethnic, ethnic group, ethnic origin, race, race ethnicity, rac1p, hisp, hispanic, latino,
        skin color, tribe, caste, ethnie, ethnische herkunft, hautfarbe, etnia, raza, raca, cor, razza,
        etniciteit, origine ethnique, migrationshintergrund, indigenous, ancestry
    """,
    "religion": """
        religion, religious, religious affiliation, faith, denomination, konfession, religiose zugehorigkeit,
        religiao, religione, religie, wyznanie, church
    """,
    "diagnosis": """
        diagnosis, diagnoses, diagnosis code, diagnosis description, icd, icd9, icd10, icd code, icd 10,
        disease, disease code, condition code, medical condition, conditions, illness, disorder, comorbidity,
        comorbidities, primary diagnosis, dx, dx code, symptom, symptoms, cancer, cancer type, diabetes,
        hypertension, heart disease, stroke, depression, asthma, hiv, tumor, diagnose, krankheit, erkrankung,
        diagnostic, maladie, diagnostico, enfermedad, doenca, diagnosi, malattia, ziekte, rozpoznanie,
        diagnoza, choroba, chief complaint, reason for visit, reasoncode, reasondescription, reason code,
        reason description, cause of death, mental illness, covid, infection
    """,
    "medication": """
        medication, medications, drug, drugs, drug name, prescription, prescriptions, medicine, dose, dosage,
        rx, ndc, treatment, therapy, vaccine, vaccination, immunization, medikament, medikation, arzneimittel,
        traitement, medicament, medicamento, medicacion, medicacao, farmaco, farmaci, terapia, medicatie, lek,
        leki
    """,
    "procedure": """
        procedure, procedures, procedure code, cpt, cpt code, surgery, operation, hcpcs, drg, eingriff,
        intervention, cirugia, cirurgia, procedimiento, procedimento, zabieg, careplan, care plan
    """,
    "health": """
        health, health status, bmi, body mass index, blood pressure, systolic, diastolic, heart rate, pulse,
        cholesterol, glucose, blood glucose, glucose level, avg glucose level, blood sugar, blood type, blood
        group, hba1c, hemoglobin, insulin, height, weight, height cm, weight kg, body weight, smoker, smoking,
        smoking status, smokes, alcohol, alcohol use, drinking, pregnant, pregnancy, pregnancies, disability,
        disabled, impairment, allergy, allergies, allergen, medical history, family history, test result, test
        results, lab result, lab results, sleep, sleep hours, sleep duration, stress level, physical activity,
        exercise, exercise hours, mental health, oxygen saturation, spo2, respiratory rate, temperature
        patient, creatinine, bilirubin, platelets, ejection fraction, dphy, dear, deye, drem, gesundheit,
        blutdruck, blutgruppe, raucher, gewicht, grosse, korpergrosse, behinderung, sante, poids, taille,
        fumeur, groupe sanguin, salud, peso, altura, fumador, grupo sanguineo, saude, fumante, salute, gewicht
        kg, lengte, zdrowie, waga, wzrost, palacz, grupa krwi, triage, severity, acuity, insurance plan,
        medical, chest pain, cp, trestbps, chol, thalach
    """,
    "salary": """
        salary, base salary, annual salary, monthly salary, estimated salary, income, annual income, yearly
        income, monthly income, household income, family income, total income, amt income total, income
        category, income total, wage, wages, pay, pay rate, hourly rate, daily rate, monthly rate,
        compensation, earnings, bonus, salary hike, percent salary hike, stock option level, monthly inhand
        salary, pincp, gehalt, einkommen, lohn, jahreseinkommen, monatseinkommen, bruttolohn, nettoeinkommen,
        salaire, revenu, revenus, remuneration, salario, sueldo, ingresos, ingreso, renda, renda mensal, renda
        estimada, renda anual, stipendio, reddito, salaris, inkomen, loon, wynagrodzenie, dochod, pensja,
        zarobki, pay grade
    """,
    "financial": """
        balance, account balance, monthly balance, bank balance, credit limit, changed credit limit, credit
        score, fico score, fico, credit rating, creditworthiness, credit history, credit history age, credit
        mix, credit utilization, credit utilization ratio, credit amount, credit inquiries, num credit
        inquiries, debt, total debt, outstanding debt, debt ratio, loan, loan amount, loans, num of loan, loan
        status, personal loan, mortgage, housing loan, default, has default, net worth, assets, investments,
        amount invested, amount invested monthly, savings, savings account, saving accounts, checking account,
        num bank accounts, num credit cards, num credit card, interest rate, emi, total emi per month, payment
        behaviour, payment behavior, payment of min amount, delayed payment, num of delayed payment, delay
        from due date, overdue, arrears, bankruptcy, insurance charges, charges, healthcare expenses,
        healthcare coverage, medical cost, claim amount, premium, capital gain, capital loss, avg utilization
        ratio, total revolving bal, avg open to buy, poverty, povpip, poverty ratio, housing, rent, wealth,
        tax paid, kontostand, guthaben, schulden, kredit, kreditlimit, kreditbetrag, vermogen, solde, dette,
        pret, saldo, deuda, prestamo, divida, emprestimo, limite credito, limite de credito, debito, prestito,
        schuld, zadluzenie, kredyt, stan konta, pension, benefits, credit card debt, spending score
    """,
    "hr_evaluation": """
        performance, performance rating, performance score, attrition, job satisfaction, environment
        satisfaction, relationship satisfaction, work life balance, job involvement, job level, evaluation,
        appraisal, last evaluation, satisfaction level, engagement score, employee satisfaction, absences,
        disciplinary action, promotion last 5years, left company, absenteeism, leistungsbeurteilung, bewertung
        mitarbeiter, reason for leaving, termination reason, term reason
    """,
    "sensitive_other": """
        sexual orientation, political affiliation, political party, party affiliation, political opinion,
        union member, trade union, criminal record, conviction, offense, offence, crime, charge degree, charge
        desc, c charge degree, r charge degree, c charge desc, recid, is recid, two year recid, is violent
        recid, decile score, priors count, juv fel count, juv misd count, arrest, arrests, security question,
        security answer, sexuelle orientierung, vorstrafen, gewerkschaft, partei, veteran status, veteran,
        dvet, victim
    """,
    "password": """
        password, passwd, pwd, password hash, passwordhash, password salt, pass hash, passcode, pin, secret,
        api key, access token, auth token, token, private key, passwort, kennwort, mot de passe, contrasena,
        senha, wachtwoord, haslo
    """,
    "card_cvv": """
        cvv, cvc, cvv2, cc cvc, cc cvv, card cvv, security code, card security code, card verification, csc
    """,
    "card_expiry": """
        card expiry, card expiration, expiry, expiration, expires, exp date, expdate, exp month, exp year, cc
        expiry, cc expiredate, expire date, expiry date, expiration date, valid thru, valid until, gultig bis,
        card exp
    """,
    "record_id": """
        id, unique id, row id, rowid, rowguid, guid, uuid, record id, key, pk, index, unnamed, idx, row, row number, row
        names, order id, order number, transaction id, transaction number, invoice id, invoice number, product
        id, product code, item id, sku, encounter, encounter id, visit id, appointment id, claim id, payment
        id, event id, session id, request id, ticket id, ticket number, review id, listing id, store id,
        location id, category id, loan id, policy id, document id, message id, credit card id, creditcard id,
        address id, department id, job id, course id, bestellnummer, rechnungsnummer, auftragsnummer, id
        commande, numero commande, id pedido, numero pedido, id produto, numer zamowienia, lp, nr, seq,
        sequence, serial
    """,
    "url": """
        url, link, website, web site, homepage, web page, uri, href, source link, image url, region url,
        webseite, site web
    """,
    "category": """
        type, category, class, group, kind, segment, species, status, payment method, payment type, channel,
        campaign type, brand, model, manufacturer, make, color, colour, size, variety, cuisine, typ,
        kategorie, art, klasse, gruppe, categorie, tipo, categoria, classe, rodzaj, kategoria, modell, marke,
        marque, marca, fuel, transmission, drive, condition, cylinders, room type, cancellation policy,
        poutcome, level, trigger, hazard type, metodo pago, forma pagamento, zahlungsart
    """,
    "measure": """
        hours per week,
        count, quantity, qty, score, rating, ratings, rank, points, value, number of, length, width, depth,
        height mm, mass, volume, distance, speed, duration, minutes, hours, days, years, months, visits,
        percent, percentage, ratio, rate, total, average, avg, mean, sum, min, max, mpg, horsepower,
        displacement, acceleration, odometer, mileage, population, temperature, anzahl, menge, bewertung,
        dauer, stuck, laenge, breite, nombre de, quantite, cantidad, quantidade, duracion, quantita, aantal,
        ilosc, liczba, frequency, recency, clicks, views, injuries, fatalities, reviews, nights, availability,
        campaign, pdays, previous, mm, kg, cm, calories, stock, sales, units, attempts, passed, vacation
        hours, sick leave hours, tenure, zeit, capacity, frequencia
    """,
    "flag": """
        flag, is, has, active, enabled, verified, indicator, yes no, subscribed, churn, churned, exited,
        survived, target, label, opt in, newsletter, current flag, deleted, bookable, promotion, salaried
        flag, has chip, over18, overtime, aktiv, activo, ativo, attivo, aktywny, consent, vip, purchased,
        winner, success
    """,
    "code": """
        code, currency code, organization node, org level, version, hash, checksum, license, licence, schema,
        isbn, ean, barcode, codes, continent code, naics, sic, airport code, currency, waehrung,
        wahrung, devise, moneda, moeda, valuta, waluta, devices
    """,
    "text": """
        description, comment, comments, review, review text, text, house rules, summary, body, content,
        subject, headline, product name, item name, beschreibung, kommentar, kommentare, text beschreibung,
        commentaire, commentaires, descripcion, comentario, comentarios, descricao, commento, beschrijving,
        opis, komentarz, details, feedback, storm name, abstract
    """,
    "card_type": """
        card type, cardtype, card brand, card network, cc type, credit card type, payment card type,
        kartentyp, type de carte, tipo tarjeta, bandeira
    """,
    "bic": """
        bic, swift, swift code, bic code, bank code, blz, bankleitzahl
    """,
    "date": """
        date, stop, time, datetime, timestamp, created, created at, created on, updated, updated at, modified,
        modified date, modifieddate, order date, purchase date, transaction date, payment date, invoice date,
        ship date, due date, year, month, day, day of week, weekday, quarter, quartal, hour, week, posting
        date, review date, last review, date added, release date, model year, construction year, start time,
        end time, end, start, end date, stop date, datum, uhrzeit, jahr, monat, tag, bestelldatum, erstellt
        am, fecha, hora, ano, mes, dia, heure, jour, mois, annee, data, ora, giorno, mese, anno, tijd, maand,
        godzina, rok, miesiac, dzien, date first purchase, first purchase, last changed, pin last changed,
        acct open date, account open date, open date, season
    """,
    "organization": """
        company name, organization, organisation, organization name, department, dept, division, branch,
        business name, vendor, vendor name, supplier, supplier name, seller, store, store name, merchant,
        merchant name, hospital, hospital name, clinic, school name, bank, bank name, institution, agency,
        team, club, source name, firma, firmenname, unternehmen, abteilung, filiale, entreprise, societe,
        service, empresa, organizacion, departamento, azienda, societa, bedrijf, afdeling, dzial, sponsor
    """,
    "amount": """
        amount, price, cost, total amount, total price, revenue, fee, tax, discount, payment, payment amount,
        transaction amount, sales amount, spend, spent, total spent, total purchase, purchase amount, service
        fee, fare, unit price, subtotal, grand total, preis, betrag, summe, umsatz, kosten, rechnungsbetrag,
        prix, montant, cout, precio, importe, monto, costo, preco, valor, prezzo, importo, prijs, bedrag,
        cena, kwota, koszt, total purchase ytd, donation, tip, expenses, budget, profit
    """,
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PHRASES: dict[str, EntityType] = {
    " ".join(phrase.split()): entity for entity, text in _PHRASES.items() for phrase in text.split(",")
}
"""Every phrase and what it means."""

FILLERS = _words("""
    a an and the of de del della di da do der die das des du la le el en in on at for to per no nr num number
    name nome type code id text value current total my our field col column s is was c r i nazwa numer data
    date
""")
"""Words that say little beside others: ``gender code`` is about gender."""

PEOPLE_WORDS = _words("""
    adult applicant applicants attrition beneficiaries borrower census citizens client cliente clientele
    clientes clienti clients clinical contacts credit customer customers demografia demographics dipendenti
    donors drivers empleados employee employees funcionarios guests health hospital hr insurance insured
    klanten klienci kunde kunden ludzie marketing medewerkers medical member members mitarbeiter mitglieder
    osoby pacientes pacjenci participants passenger passengers patient patienten patients pazienti people
    person personas personen personnel personnes persons pessoas players pracownicy residents respondents
    salaries staff student students subscriber subscribers tenants user users usuarios utenti voters
""")
"""Words in a table's or a column's name that speak of people."""
