/**
 * Parses a date of HTTP in one of its three formats (RFC 9110, §5.6.7). `Date.parse` also accepts
 * what is not one, and what is not in GMT. Returns `NaN` for anything else.
 */
export function parseHttpDate(field: string | null): number {
  const text = (field ?? '').trim()
  if (IMF_FIXDATE.test(text)) return Date.parse(text)
  const [, day, month, year, time] = RFC_850.exec(text) ?? []
  if (year !== undefined) {
    // A year that seems to be more than 50 years ahead is one of the last century.
    const century = Number(year) > (new Date().getUTCFullYear() + 50) % 100 ? 19 : 20
    return Date.parse(`${day} ${month} ${century}${year} ${time} GMT`)
  }
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : NaN
}

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const TIME = '\\d\\d:\\d\\d:\\d\\d'
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d\\d ${MONTH} \\d{4} ${TIME} GMT$`, 'i')
const RFC_850 = new RegExp(`^\\w+day, (\\d\\d)-(${MONTH})-(\\d\\d) (${TIME}) GMT$`, 'i')
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`, 'i')
