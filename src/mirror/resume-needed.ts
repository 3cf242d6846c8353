/** What was stored has to be read off the target anew; nothing is wrong with either side. */
export class ResumeNeeded extends Error {
  override readonly name = 'ResumeNeeded'
}
